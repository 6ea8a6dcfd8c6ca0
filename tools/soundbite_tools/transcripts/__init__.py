"""What is said, put right: correct_transcript."""
