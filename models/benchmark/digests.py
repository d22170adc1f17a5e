"""SHA-256 of the data files that the published tables were made from."""

from typing import Final

_TRANSCRIPTS: Final = {
    "mosi/transcripts.csv": "e7689e6d70720addd2a6b316419d245a68839c32b014ff426c406063ee777466",
    "mosi/text_train.csv": "73770b6302ad0f7a51f4eddcae6788efde4d0b6802e09f78249d5b538d1c1d67",
    "mosi/text_test.csv": "f3b735070bf07ceff7a6ef6c8f4c32757e988de484e35bd6d38b2aecef851a59",
    "mosi/audio/audio_train0.csv": (
        "5435398a54664e7b00304587dc59ae84a438852be033c2a2fba779588624a2a1"
    ),
    "mosi/audio/audio_test0.csv": (
        "ddd17eeefd3d951d51d4e2ef8a0d132652d8161e1886f71eb7262b7a14bffff6"
    ),
}
MOSI_CLEAN: Final = _TRANSCRIPTS
MOSI_GIVEN: Final = {
    **_TRANSCRIPTS,
    "mosi/text/text_train0.csv": "cc327045db6cc361a08b4037b97bb24de4ddb5efb381468c4835cc4a60674668",
    "mosi/text/text_test0.csv": "a343e22272919d1384c2075dbcdd5fef5aa9f9366b0552a83f7c3147b64b047a",
    "mosi/video/video_train0.csv": (
        "b6efc0413132d627efd06f67f1706830e775e90af9a75696f535c48dbc73f12f"
    ),
    "mosi/video/video_test0.csv": (
        "cab836253d81100f59d533fa2ff65cd53c486be3ec9fd82203c5e25a7a77265f"
    ),
}
RAVDESS: Final = {
    "ravdess/face_au_mean.npz": "0bb0258c001de13b7c683ea630ac7849fa9ee0f67a1c6c5f930ee1edd226fe4b",
    "ravdess/audio/": "98e54541887f8149b9912df1cbb4f45c30e6cfea48e95b00e92c61e341146aa0",
}
MELD: Final = {
    "text/meld/train_sent_emo.csv": (
        "d2fa2d6529cf03cac2989efec05c9b27d8fd2f4c8fc5974c7ae88aa537fa02db"
    ),
    "text/meld/dev_sent_emo.csv": (
        "2e89c6f8aa182d6f62f8c6331aece905ac7273ca4999660bfb5213e1d0370c1c"
    ),
    "text/meld/test_sent_emo.csv": (
        "8d37103938f7067600839fe29d5a114a6cd1bcdafb75bec101e06464c5006888"
    ),
}
GOEMOTIONS: Final = {
    "text/goemotions/ekman_labels.txt": (
        "5ecd91c315ebf550ac798f06549e35a6ee1fb90866608fd640c24d520dc6aa0c"
    ),
    "text/goemotions/train.tsv": "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
    "text/goemotions/dev.tsv": "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
    "text/goemotions/test.tsv": "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4",
    "text/goemotions/ekman_train.tsv": (
        "bb74d10aec0975674c665205741ba9fe644cd70f682214624997f3770fd9e53f"
    ),
    "text/goemotions/ekman_dev.tsv": (
        "011e6579adc4d9bb2ffd908879b99e1594e7647b262cbb2e1c5c9c1c4d7d8bcc"
    ),
    "text/goemotions/ekman_test.tsv": (
        "f9f9b91827fe134259469368b93abddc2a52e2e2a87beab661023b06cf490baa"
    ),
}
