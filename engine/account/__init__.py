"""What trades on paper: the decision, orders and fills, fees, money, and what came of it."""
