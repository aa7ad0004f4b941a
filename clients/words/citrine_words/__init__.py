"""How clients say what the contract has, and read what people write: shared by the command line and the console."""

__all__: list[str] = []
