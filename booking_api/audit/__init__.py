"""The audit log: every act of staff, in the transaction that makes it so; chained, and never changed."""
