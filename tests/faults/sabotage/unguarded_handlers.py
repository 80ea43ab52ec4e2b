"""Have an actor's loop catch in handlers what Pykka's own actors take for an error, and nothing else."""

from supervision.process.actor_loop import ActorLoop


def _let_through(_self: ActorLoop, error: BaseException) -> None:
    raise error


assert hasattr(ActorLoop, "_end_in_handler"), "what this switches off has another name now"
ActorLoop._end_in_handler = _let_through  # type: ignore[assignment,method-assign]
