"""What people are told, by mail or on their phones: as they chose, in their language."""
