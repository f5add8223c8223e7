"""The paper account: decisions, orders and fills, fees, money, performance, feedback."""
