"""What flows: the types every stage speaks. No I/O, no maths."""
