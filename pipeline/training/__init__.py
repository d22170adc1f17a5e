"""Training as a program: stages from one settings file, resumable, and fine-tuning on own clips."""
