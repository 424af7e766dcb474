"""LangGraph: a graph of five nodes with checkpoints in Postgres, and one interrupt before
the step that approves, which a resume answers at once.

It has no queue: runs are handed to its workers, which costs it nothing. As its
documentation advises for speed: checkpoints are written while the next node runs
(`durability="async"`), over connections that prepare nothing and commit by themselves.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from typing import Any, TypedDict

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from bench.peers.governed import STEPS, lots, play, take


class State(TypedDict):
    """What travels from node to node."""

    run: str
    answer: str


def _pool(database: str) -> Any:
    kwargs = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    return ConnectionPool(database, min_size=1, max_size=4, kwargs=kwargs, open=True)


def _graph(saver: Any, connection: Any) -> Any:
    graph = StateGraph(State)

    def node(place: int) -> Any:
        def step(state: State) -> dict[str, str]:
            said = {}
            if STEPS[place] == "approve":
                said = {"answer": interrupt({"question": "Is it allowed?"})}
            with connection.transaction(), connection.cursor() as cursor:
                take(cursor, state["run"], place)
            return said

        return step

    for place, name in enumerate(STEPS):
        graph.add_node(name, node(place))
    for one, next_ in zip((START, *STEPS), (*STEPS, END), strict=True):
        graph.add_edge(one, next_)
    return graph.compile(checkpointer=saver)


def prepare(database: str) -> None:
    with _pool(database) as pool:
        PostgresSaver(pool).setup()


def work(database: str) -> None:
    with _pool(database) as pool, Connection.connect(database) as connection:
        connection.autocommit = True
        graph = _graph(PostgresSaver(pool), connection)
        for runs in lots():
            for run in runs:
                thread = {"configurable": {"thread_id": run}}
                start = {"run": run, "answer": ""}
                graph.invoke(start, thread, durability="async")
                resume = Command(resume="approved")
                graph.invoke(resume, thread, durability="async")


if __name__ == "__main__":
    play(prepare=prepare, work=work)
