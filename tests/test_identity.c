#include "collector/identity.h"
#include "test.h"

static const char *service_of(const char *runtime, const char *exe,
			      const char *cmdline, const char *unit)
{
	static char out[SERVICE_MAX];
	struct process p = {
		.comm = "comm",
		.exe = (char *)exe,
		.cmdline = (char *)cmdline,
		.unit = (char *)unit,
	};

	identity_service(out, &p, runtime);
	return out;
}

START_TEST(systemd_unit_names_the_service)
{
	ck_assert_str_eq(service_of("go", "/usr/bin/historian", "historian",
				    "plant-historian.service"),
			 "plant-historian");
}
END_TEST

START_TEST(executable_names_it_without_a_unit)
{
	ck_assert_str_eq(service_of("go", "/opt/hist/historian", "x y", ""),
			 "historian");
}
END_TEST

START_TEST(jar_names_a_java_service)
{
	ck_assert_str_eq(service_of("jvm", "/usr/bin/java",
				    "java -Xmx1g -jar /opt/scada-2.1.jar --x",
				    ""),
			 "scada-2.1");
}
END_TEST

START_TEST(main_class_names_a_java_service)
{
	ck_assert_str_eq(service_of("jvm", "/usr/bin/java",
				    "java -cp a.jar:b.jar com.plant.Scada 1 2",
				    ""),
			 "Scada");
	ck_assert_str_eq(service_of("jvm", "/usr/bin/java",
				    "java -m plant/com.plant.Scada", ""),
			 "Scada");
}
END_TEST

START_TEST(java_without_a_main_is_called_java)
{
	ck_assert_str_eq(service_of("jvm", "/usr/bin/java", "java -cp", ""),
			 "java");
	ck_assert_str_eq(service_of("jvm", "/usr/bin/java", "", ""), "java");
}
END_TEST

START_TEST(jvm_inside_another_program_is_called_by_its_executable)
{
	ck_assert_str_eq(service_of("jvm", "/opt/ide/launcher", "launcher x",
				    ""),
			 "launcher");
}
END_TEST

START_TEST(hidden_executable_leaves_the_command_name)
{
	ck_assert_str_eq(service_of("jvm", "", "", ""), "comm");
}
END_TEST

START_TEST(lowest_free_instance_is_taken)
{
	struct instances all = { 0 };
	unsigned n;

	ck_ok(instances_take(&all, "scada", &n));
	ck_assert_uint_eq(n, 0);
	ck_ok(instances_take(&all, "scada", &n));
	ck_assert_uint_eq(n, 1);
	ck_ok(instances_take(&all, "other", &n));
	ck_assert_uint_eq(n, 0);
	instances_release(&all, "scada", 0);
	ck_ok(instances_take(&all, "scada", &n));
	ck_assert_uint_eq(n, 0);
	instances_fini(&all);
}
END_TEST

START_TEST(reserved_instance_is_not_given_away)
{
	struct instances all = { 0 };
	unsigned n;

	ck_ok(instances_reserve(&all, "scada", 0));
	ck_err(instances_reserve(&all, "scada", 0), EEXIST);
	ck_ok(instances_take(&all, "scada", &n));
	ck_assert_uint_eq(n, 1);
	instances_fini(&all);
}
END_TEST

START_TEST(machine_has_a_boot_id)
{
	char id[37];

	ck_ok(identity_boot_id(id));
	ck_assert_uint_eq(strlen(id), 36);
}
END_TEST

TEST_MAIN("identity", systemd_unit_names_the_service,
	  executable_names_it_without_a_unit, jar_names_a_java_service,
	  main_class_names_a_java_service, java_without_a_main_is_called_java,
	  jvm_inside_another_program_is_called_by_its_executable,
	  hidden_executable_leaves_the_command_name,
	  lowest_free_instance_is_taken, reserved_instance_is_not_given_away,
	  machine_has_a_boot_id)
