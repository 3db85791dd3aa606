"""Models that come with the program."""

from pathlib import Path

from rhocast.errors import ModelError

#: Folder of the shipped models, ``{name}.safetensors``.
FOLDER = Path(__file__).with_name("data")


def model_path(name: str | Path) -> Path:
    """Return the model file that ``name`` stands for.

    Parameters
    ----------
    name
        An existing file, else the name of a shipped model.

    Raises
    ------
    ModelError
        If it is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted(FOLDER.glob("*.safetensors"))}
    if str(name) not in shipped:
        raise ModelError(
            f"{name}: no such file and no shipped model; expected a model file or the name of a "
            f"shipped model: {', '.join(shipped) or 'none'}"
        )
    return shipped[str(name)]
