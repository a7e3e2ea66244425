# fish completion of heapwatch. The program's own --help is the list, so it is
# never out of date.
function __heapwatch_commands
    heapwatch --help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*) +(.*)$' '$1\t$2'
end

function __heapwatch_options
    set -l words (commandline -opc)
    test (count $words) -ge 2; or return
    heapwatch $words[2] --help 2>/dev/null |
        string replace -rf '^  (--[a-z-]+)\S* *[A-Z]*,? +(.*)$' '$1\t$2'
end

complete -c heapwatch -n __fish_use_subcommand -f -a '(__heapwatch_commands)'
complete -c heapwatch -n 'not __fish_use_subcommand' -f -a '(__heapwatch_options)'
complete -c heapwatch -n '__fish_seen_subcommand_from check-config' -F
