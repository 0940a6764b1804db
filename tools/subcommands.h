/* The subcommands of `causeway`: each is one file that exports STEM_main().
 *
 * argv[0] is the subcommand's name. They return an exit status of options.h: 0 only on success.
 * What is asked for goes to stdout, progress and errors to stderr. */
#ifndef TOOLS_SUBCOMMANDS_H
#define TOOLS_SUBCOMMANDS_H

int bootstrap_main(int argc, char **argv);
int drill_main(int argc, char **argv);
int init_main(int argc, char **argv);
int journal_command_main(int argc, char **argv);
int keygen_main(int argc, char **argv);
int load_main(int argc, char **argv);
int market_tool_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int site_tool_main(int argc, char **argv);
int status_tool_main(int argc, char **argv);

#endif
