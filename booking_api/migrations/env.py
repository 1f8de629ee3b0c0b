"""What Alembic runs: migrations on the connection that `booking_api.migrations` gives it."""

from alembic import context

from booking_api.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=False,
    zone=context.config.attributes["zone"],
)
with context.begin_transaction():
    context.run_migrations()
