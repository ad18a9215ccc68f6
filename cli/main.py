"""The app, and the one place where an error becomes a message and an exit code."""

import os
import sys

import typer

from . import (
    alias,
    audit,
    bench,
    bundle,
    data,
    demo,
    diff,
    export,
    finetune,
    gc,
    import_checkpoint,
    index,
    keys,
    log,
    models,
    one_voice,
    publish,
    pull,
    push,
    race,
    revoke,
    serve,
    show,
    tokens,
    verify,
)
from .tame import tame

app = typer.Typer(
    name="roadworthy",
    help="Models whose accuracy and time-to-solution were measured: pull, fine-tune, verify, publish.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help costs a tenth of a second at every start
)
for command in (
    models,
    show,
    pull,
    data,
    finetune,
    race,
    verify,
    audit,
    diff,
    publish,
    alias,
    revoke,
    bench,
    export,
    bundle,
    gc,
    push,
    import_checkpoint,
    index,
    keys,
    serve,
    tokens,
    log,
    demo,
):
    command.register(app)

YES, NO, BAD_INPUT, STORAGE, INTERRUPTED = 0, 1, 2, 3, 130


def main() -> None:
    """Runs the command line and exits: 0 yes, 1 no, 2 bad input or usage, 3 storage or network."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        code = app(arguments, standalone_mode=not one_voice.is_one_of_many())
        return int(code or 0)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    except KeyboardInterrupt:
        if one_voice.leads():
            print("roadworthy: stopped. The same command goes on where it was.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`); python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return YES
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    if hasattr(error, "exit_code") and hasattr(error, "show"):  # typer's own, of one process among many: wrong usage
        one_voice.finish_undisturbed()
        if one_voice.first_to_say(str(error)):
            error.show()
        return int(error.exit_code)
    from roadworthy.finetune.errors import ProcessLostError
    from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError, RoadworthyError

    if not isinstance(error, RoadworthyError):
        raise error
    one_voice.finish_undisturbed()
    reasons = error.reasons[1:] if isinstance(error, CheckError) else ()
    if one_voice.first_to_say(str(error), unless_another_was=isinstance(error, ProcessLostError)):
        lines = [f"roadworthy: {error}", *(f"  also: {reason}" for reason in reasons)]
        print(*map(tame, lines), sep="\n", file=sys.stderr, flush=True)
    if isinstance(error, CheckError):
        return NO
    return BAD_INPUT if isinstance(error, (InputError, NotFoundError)) else STORAGE


if __name__ == "__main__":
    main()
