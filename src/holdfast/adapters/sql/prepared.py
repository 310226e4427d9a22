"""Statements of the hot path: written with SQLAlchemy Core, compiled once per database, and sent straight to the driver.

Going through `Connection.execute` costs about 0.1 ms a statement (cache keys, parameter and result objects), which was two thirds of the time of a
settle; the driver itself takes 0.015 ms on SQLite. The statements, types and errors stay SQLAlchemy's; only the way to the cursor is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

import sqlalchemy as sa

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.engine.interfaces import DBAPICursor

__all__ = ["Prepared", "await_answers", "pipelined"]

R = TypeVar("R")
Convert = Callable[[object], object]
# What drivers take is not ours to narrow.
Arguments: TypeAlias = Any
Statement: TypeAlias = sa.Select[Any] | sa.sql.dml.UpdateBase


class Compiled:
    """A statement as one database wants it: text, parameters in order (None: by name), and what turns values into columns and back."""

    __slots__ = ("decoders", "encoders", "names", "order", "text")

    def __init__(self, statement: sa.sql.expression.ClauseElement, dialect: Dialect) -> None:
        compiled = cast("sa.sql.compiler.SQLCompiler", statement.compile(dialect=dialect))
        self.text = compiled.string
        self.order: tuple[str, ...] | None = (
            tuple(compiled.positiontup) if compiled.positional and compiled.positiontup is not None else None
        )
        self.encoders = {
            name: convert
            for name, bind in compiled.binds.items()
            if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        # Constants inside the statement (a state it filters by) are parameters with a value of their own.
        self.names = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self.decoders = decoders_of(statement, dialect)

    def arguments(self, values: Mapping[str, object]) -> Arguments:
        """Return the driver's parameters for `values`: a list, or a mapping where it takes them by name."""
        encoded = {**self.names, **values}
        for name, convert in self.encoders.items():
            encoded[name] = convert(encoded[name])
        return encoded if self.order is None else [encoded[name] for name in self.order]


def decoders_of(statement: object, dialect: Dialect) -> tuple[tuple[int, Convert], ...]:
    """Return, for the columns whose values need it, their place and what turns the driver's value into ours."""
    columns = getattr(statement, "selected_columns", None) or getattr(statement, "exported_columns", None) or ()
    found: list[tuple[int, Convert]] = []
    for index, column in enumerate(columns):
        if isinstance(column.type, sa.Float):
            continue  # both drivers give a float; PostgreSQL's dialect would ask for the column's type number first
        convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if convert is not None:
            found.append((index, convert))
    return tuple(found)


class Prepared(Generic[R]):
    """One statement. `make` turns a row, given as keyword arguments by column name, into what the caller wants."""

    __slots__ = ("_by_dialect", "_columns", "_make", "_statement")

    def __init__(self, statement: Statement, make: Callable[..., R]) -> None:
        self._statement = statement
        self._make = make
        columns = getattr(statement, "selected_columns", None) or getattr(statement, "exported_columns", None) or ()
        self._columns = tuple(column.name for column in columns)
        self._by_dialect: dict[str, Compiled] = {}

    def execute(self, connection: Connection, values: Mapping[str, object]) -> None:
        """Run it; on PostgreSQL it may be on its way only, and fail at the next answer that is waited for."""
        with self._errors(connection):
            self._send(connection, values).close()

    def count(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Run it and return the number of rows it touched."""
        with self._errors(connection):
            cursor = self._send(connection, values)
            await_answers(connection)
            return int(cursor.rowcount)

    def execute_many(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Run it once per row."""
        compiled = self._compiled(connection.dialect)
        with self._errors(connection):
            cursor = connection.connection.cursor()
            if compiled.order is None:
                # psycopg's executemany opens a pipeline of its own; inside ours, one by one is a quarter faster.
                for values in rows:
                    cursor.execute(compiled.text, compiled.arguments(values))
            else:
                cursor.executemany(compiled.text, [compiled.arguments(values) for values in rows])

    def all(self, connection: Connection, values: Mapping[str, object]) -> list[R]:
        """Run it and return every row. Reading to the end matters: an UPDATE … RETURNING takes effect on SQLite only then."""
        compiled = self._compiled(connection.dialect)
        with self._errors(connection):
            rows = self._send(connection, values).fetchall()
        return [self._decode(compiled, row) for row in rows]

    def first(self, connection: Connection, values: Mapping[str, object]) -> R | None:
        """Run it and return the first row; None when there is none."""
        return next(iter(self.all(connection, values)), None)

    @contextmanager
    def _errors(self, connection: Connection) -> Iterator[None]:
        """Give the driver's errors SQLAlchemy's form, so that there is one kind to handle; without the parameters, which may be secret."""
        driver_error = connection.dialect.loaded_dbapi.Error
        try:
            yield
        except driver_error as err:
            text = self._compiled(connection.dialect).text
            raise sa.exc.DBAPIError.instance(
                text, None, err, driver_error, hide_parameters=True, dialect=connection.dialect
            ) from err

    def _send(self, connection: Connection, values: Mapping[str, object]) -> DBAPICursor:
        compiled = self._compiled(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(compiled.text, compiled.arguments(values))
        return cursor

    def _compiled(self, dialect: Dialect) -> Compiled:
        found = self._by_dialect.get(dialect.name)
        if found is None:
            found = self._by_dialect[dialect.name] = Compiled(self._statement, dialect)
        return found

    def _decode(self, compiled: Compiled, row: Sequence[object]) -> R:
        values = list(row)
        for index, convert in compiled.decoders:
            values[index] = convert(values[index])
        return self._make(**dict(zip(self._columns, values, strict=True)))


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Let statements be sent without waiting for the answers that nobody reads (libpq's pipeline mode); nothing on SQLite.

    A settle on PostgreSQL then waits five times for the server instead of twelve. Statements that go through SQLAlchemy itself look at their result
    at once; `await_answers` sees to it (the engine calls it after each of them).

    Raises:
        sqlalchemy.exc.DBAPIError: what the driver complains of when the pipeline ends, in the form in which everything else is complained of.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver = cast("psycopg.Connection[object]", connection.connection.driver_connection)
    error = connection.dialect.loaded_dbapi.Error
    try:
        with driver.pipeline():
            yield
    except error as err:
        if driver.closed:
            connection.invalidate(err)  # there is nothing left that the pool could roll back
        raise sa.exc.DBAPIError.instance(
            "COMMIT", None, cast("Exception", err), error, dialect=connection.dialect
        ) from err


def await_answers(connection: Connection) -> None:
    """Wait for everything that was sent; nothing to do outside a pipeline."""
    pipeline = getattr(connection.connection.driver_connection, "_pipeline", None)
    if pipeline is not None:
        pipeline.sync()
