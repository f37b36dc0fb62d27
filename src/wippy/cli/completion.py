"""`wippy completion`: scripts that complete commands and flags in a shell."""

from __future__ import annotations

from collections.abc import Iterator

from .arguments import GLOBAL_FLAGS, Arguments, Command, Flag, UsageError, nearest

SHELLS = ("bash", "zsh", "fish", "powershell")


def walk(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Every command with the names that lead to it, the program first."""
    yield path, command
    for each in command.subcommands:
        yield from walk(each, (*path, each.name))


def _words(command: Command) -> list[tuple[str, str]]:
    """What may follow a command: names and flags, each with its description."""
    words = [(each.name, each.summary) for each in command.subcommands]
    words += [(choice, "") for choice in command.choices]
    for flag in (*command.flags, *GLOBAL_FLAGS):
        words.append((f"--{flag.name}", flag.help))
        if flag.short:
            words.append((f"-{flag.short}", flag.help))
    return words


def _value_flags(program: Command) -> list[str]:
    """Flags of any command that take a value, in all their spellings."""
    flags: dict[str, Flag] = {}
    for _, command in walk(program):
        for flag in (*command.flags, *GLOBAL_FLAGS):
            if flag.value is not None:
                flags[f"--{flag.name}"] = flag
                if flag.short:
                    flags[f"-{flag.short}"] = flag
    return list(flags)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def bash(program: Command, descriptions: bool) -> str:
    cases = "\n".join(
        f"    {_quoted(' '.join(path))}) words={_quoted(' '.join(word for word, _ in _words(command)))} ;;"
        for path, command in walk(program)
    )
    return f"""# bash completion for wippy: source <(wippy completion bash)
_wippy() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} path='' word words='' i
  case "$previous" in {"|".join(_value_flags(program))}) COMPREPLY=( $(compgen -f -- "$current") ); return ;; esac
  for (( i = 1; i < COMP_CWORD; i++ )); do
    word="${{path:+$path }}${{COMP_WORDS[i]}}"
    case " $word " in {"|".join(f'" {" ".join(path)} "' for path, _ in walk(program) if path)}) path=$word ;; esac
  done
  case "$path" in
{cases}
  esac
  COMPREPLY=( $(compgen -W "$words" -- "$current") )
}}
complete -o default -F _wippy wippy
"""


def zsh(program: Command, descriptions: bool) -> str:
    def item(word: str, about: str) -> str:
        plain = word.replace(":", "\\:")
        return _quoted(f"{plain}:{about}" if descriptions and about else plain)

    cases = "\n".join(
        f"    {_quoted(' '.join(path))}) items=({' '.join(item(*word) for word in _words(command))}) ;;"
        for path, command in walk(program)
    )
    known = "|".join(f'"{" ".join(path)}"' for path, _ in walk(program) if path)
    return f"""#compdef wippy
# zsh completion for wippy: source <(wippy completion zsh)
_wippy() {{
  local path='' word i
  local -a items
  for (( i = 2; i < CURRENT; i++ )); do
    word="${{path:+$path }}${{words[i]}}"
    case "$word" in {known}) path=$word ;; esac
  done
  case "$path" in
{cases}
  esac
  _describe 'wippy' items
  _files
}}
compdef _wippy wippy
"""


def fish(program: Command, descriptions: bool) -> str:
    lines = ["# fish completion for wippy: wippy completion fish | source"]
    for path, command in walk(program):
        if path:
            seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in path)
        else:
            seen = "not __fish_seen_subcommand_from " + " ".join(each.name for each in program.subcommands)
        for word, about in [(each.name, each.summary) for each in command.subcommands] + [
            (choice, "") for choice in command.choices
        ]:
            note = f" -d {_quoted(about)}" if descriptions and about else ""
            lines.append(f"complete -c wippy -n {_quoted(seen)} -a {_quoted(word)}{note}")
        for flag in command.flags if path else GLOBAL_FLAGS:
            where = f" -n {_quoted(seen)}" if path else ""
            short = f" -s {flag.short}" if flag.short else ""
            value = " -r" if flag.value else ""
            note = f" -d {_quoted(flag.help)}" if descriptions else ""
            lines.append(f"complete -c wippy{where} -l {flag.name}{short}{value}{note}")
    return "\n".join(lines) + "\n"


def powershell(program: Command, descriptions: bool) -> str:
    def text(value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def row(command: Command) -> str:
        shown = ((word, about if descriptions and about else word) for word, about in _words(command))
        return ", ".join(f"@({text(word)}, {text(about)})" for word, about in shown)

    table = "\n".join(f"    {text(' '.join(path))} = @({row(command)})" for path, command in walk(program))
    return f"""# PowerShell completion for wippy: wippy completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName wippy -ScriptBlock {{
  param($word, $line, $position)
  $table = @{{
{table}
  }}
  $path = ''
  foreach ($part in $line.CommandElements | Select-Object -Skip 1) {{
    $next = ($path + ' ' + $part.ToString()).Trim()
    if ($table.ContainsKey($next)) {{ $path = $next }}
  }}
  $table[$path] | Where-Object {{ $_[0] -like "$word*" }} | ForEach-Object {{
    [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
  }}
}}
"""


_SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}


def run(arguments: Arguments) -> int:
    from .commands import root

    if not arguments.values:
        raise UsageError(f"completion needs a shell: {', '.join(SHELLS)}", arguments.path)
    shell = arguments.values[0]
    script = _SCRIPTS.get(shell)
    if script is None:
        raise UsageError(f'unknown shell "{shell}"{nearest(shell, SHELLS)}', arguments.path)
    print(script(root(), not arguments.on("no-descriptions")), end="")
    return 0


COMMAND = Command(
    "completion",
    "Print a script that completes commands in a shell",
    run,
    flags=(Flag("no-descriptions", "names only"),),
    arguments="bash|zsh|fish|powershell",
    limit=1,
    choices=SHELLS,
)
