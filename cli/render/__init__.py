"""What people read: results as lines, tables and pages."""
