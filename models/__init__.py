"""Features, encoders, fusion and calibration: pure computation, no I/O devices and no clock."""
