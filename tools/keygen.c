/* `causeway keygen`: a new signing key. */
#include <sodium.h>
#include <stdio.h>

#include "replication/key_store.h"
#include "tools/options.h"
#include "tools/subcommands.h"

int keygen_main(int argc, char **argv)
{
    const struct options_command command = {
        .name = "keygen",
        .operands = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "Make an Ed25519 signing key: the secret goes to FILE (mode 0600), the public\n"
                   "key to FILE.pub and to stdout, as 64 hexadecimal digits for `key:` in the\n"
                   "configuration of every site. A key is never overwritten.",
        .examples = "  causeway keygen ./site/data/site.key\n"};
    int operand;
    switch (options_parse(&command, argc, argv, &operand)) {
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (sodium_init() < 0) {
        return options_failed(command.name, "libsodium does not start: no source of randomness");
    }
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    char error[KEY_STORE_ERROR_BYTES];
    if (key_store_create(argv[operand], public_key, error) != STATUS_OK) {
        return options_failed(command.name, "%s", error);
    }
    char text[KEY_STORE_HEX_BYTES];
    key_store_print(text, public_key);
    (void)printf("%s\n", text);
    return OPTIONS_EXIT_DONE;
}
