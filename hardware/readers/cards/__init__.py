"""What is said to a card that proves itself. Pure: replies in, commands and a verdict out."""
