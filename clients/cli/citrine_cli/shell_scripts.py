"""The completion scripts of shells, which get the candidates from `citrine`.

Each puts the line up to the cursor into a variable, calls the program as it was typed, and reads one line per
candidate: the word, a tab and a description. The shell quotes the word. Without candidates, files are completed.
"""

__all__ = ["SCRIPTS", "VARIABLE"]

VARIABLE = "_CITRINE_COMPLETE"
"""Variable with the line up to the cursor. If it is set, the program only prints candidates."""

# bash replaces only the text after the last of COMP_WORDBREAKS (":", "=", "@"), so the text before it is removed from
# the candidates. Outside of quotes, special characters are escaped.
_BASH = r"""_citrine_completion() {
    local line=${COMP_LINE:0:COMP_POINT} word help
    local typed=${line##*[[:space:]]}
    local broken=${typed%"${typed##*[:=@]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r word help; do
        word=${word#"$broken"}
        [[ $typed == [\"\']* ]] || printf -v word '%q' "$word"
        COMPREPLY+=("$word")
    done < <(_CITRINE_COMPLETE=$line "$1" 2>/dev/null)
}

complete -o default -F _citrine_completion citrine
"""

_ZSH = r"""#compdef citrine

_citrine_completion() {
    local line
    local -a words_found shown
    for line in "${(@f)$(_CITRINE_COMPLETE="${(j: :)words[1,CURRENT-1]} $PREFIX" "${~words[1]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        words_found+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  -- }")
    done
    if (( $#words_found )); then
        if [[ "${(j::)shown}" == *"  -- "* ]]; then
            compadd -l -d shown -a words_found
        else
            compadd -a words_found
        fi
    else
        _files
    fi
}

compdef _citrine_completion citrine
"""

_FISH = r"""function __citrine_completion
    set -l words (commandline -opc)
    set -l found (env _CITRINE_COMPLETE=(commandline -cp | string collect) $words[1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

complete --command citrine --no-files --arguments '(__citrine_completion)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""Scripts by shell."""
