"""What is it? Class probabilities from what sensors and objects say."""
