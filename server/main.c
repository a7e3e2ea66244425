/* heapwatch: the program. What it does is in cli/, one file a command. */
#include "server/cli/commands.h"

int main(int argc, char **argv)
{
	return commands_run(argc, argv);
}
