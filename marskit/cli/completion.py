"""`marskit completion`: prints a script that completes commands, options and names in a shell."""

import argparse

_HOW = {
    "bash": 'eval "$(marskit completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(marskit completion zsh)" in ~/.zshrc, after compinit',
    "fish": "marskit completion fish | source in ~/.config/fish/config.fish",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.epilog = "; ".join(f"{shell}: {how}" for shell, how in _HOW.items())
    parser.add_argument("shell", choices=tuple(_HOW), help="the shell that the script is for")


def run(parsed: argparse.Namespace) -> int:
    """Print the script."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["marskit"], shell=parsed.shell))
    return 0
