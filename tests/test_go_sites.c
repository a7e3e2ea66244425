/* Where the first conditional jump of a Go function is. */
#include "test.h"

#include "collector/go/sites.h"

START_TEST(each_prologue_of_the_compiler_is_decoded)
{
	static const struct {
		uint8_t code[24];
		int jump;
	} cases[] = {
		/* cmp rsp,[r14+0x10]; jbe rel32 */
		{ { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 1, 2, 3, 4 }, 4 },
		/* ... jbe rel8 */
		{ { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x20 }, 4 },
		/* stackguard1, on the system stack */
		{ { 0x49, 0x3b, 0x66, 0x18, 0x76, 0x20 }, 4 },
		/* lea r12,[rsp-0x38]; cmp r12,[r14+0x10] */
		{ { 0x4c, 0x8d, 0x64, 0x24, 0xc8, 0x4d, 0x3b, 0x66, 0x10, 0x0f,
		    0x86, 1, 2, 3, 4 }, 9 },
		/* the same with a large frame */
		{ { 0x4c, 0x8d, 0xa4, 0x24, 0x10, 0xff, 0xff, 0xff, 0x4d, 0x3b,
		    0x66, 0x10, 0x0f, 0x86, 1, 2, 3, 4 }, 12 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(go_first_jump(cases[i].code, 24),
				 cases[i].jump);
}
END_TEST

START_TEST(another_begin_has_no_site)
{
	static const uint8_t push[24] = { 0x55, 0x48, 0x89, 0xe5 };
	static const uint8_t jump[24] = { 0x76, 0x20 };
	static const uint8_t other[24] = { 0x49, 0x3b, 0x66, 0x10, 0x90, 0x76 };
	static const uint8_t cut[24] = { 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86 };

	ck_err(go_first_jump(push, 24), ENOENT);
	ck_err(go_first_jump(jump, 24), ENOENT);
	ck_err(go_first_jump(other, 24), ENOENT);
	for (size_t len = 0; len < 10; len++)
		ck_err(go_first_jump(cut, len), ENOENT);
	ck_assert_int_eq(go_first_jump(cut, 10), 4);
}
END_TEST

TEST_MAIN("go_sites", each_prologue_of_the_compiler_is_decoded,
	  another_begin_has_no_site)
