# bash completion of heapwatch. The program's own --help is the list, so it is
# never out of date.
_heapwatch()
{
	local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}
	local program=${COMP_WORDS[0]} words

	case $last in
	--config | --db | check-config)
		[[ $word == -* ]] || { COMPREPLY=($(compgen -f -- "$word")); return; }
		;;
	esac
	if ((COMP_CWORD == 1)); then
		words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
	else
		words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
			sed -n 's/^  \(--[a-z-]*\).*/\1/p')
	fi
	COMPREPLY=($(compgen -W "$words --help" -- "$word"))
}
complete -F _heapwatch heapwatch
