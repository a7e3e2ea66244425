# make install, make uninstall: included by the Makefile. Everything goes below
# $(DESTDIR); PREFIX holds the program, SYSCONFDIR its configuration.

SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)

# mode, source, where to
installed := \
	755:$(BUILD)/heapwatch:$(PREFIX)/bin/heapwatch \
	644:$(BUILD)/packaging/heapwatch.service:$(PREFIX)/lib/systemd/system/heapwatch.service \
	644:packaging/heapwatch.sysusers:$(PREFIX)/lib/sysusers.d/heapwatch.conf \
	644:packaging/heapwatch.8:$(PREFIX)/share/man/man8/heapwatch.8 \
	644:packaging/heapwatch.yaml.5:$(PREFIX)/share/man/man5/heapwatch.yaml.5 \
	644:packaging/completions/heapwatch.bash:$(PREFIX)/share/bash-completion/completions/heapwatch \
	644:packaging/completions/_heapwatch:$(PREFIX)/share/zsh/site-functions/_heapwatch \
	644:packaging/completions/heapwatch.fish:$(PREFIX)/share/fish/vendor_completions.d/heapwatch.fish \
	644:packaging/heapwatch.yaml:$(PREFIX)/share/doc/heapwatch/heapwatch.yaml \
	644:LICENSE:$(PREFIX)/share/doc/heapwatch/LICENSE

part = $(word $(2),$(subst :, ,$(1)))
config := $(DESTDIR)$(SYSCONFDIR)/heapwatch/heapwatch.yaml

# The paths are this call's, so it is always made anew.
.PHONY: $(BUILD)/packaging/heapwatch.service
$(BUILD)/packaging/heapwatch.service: packaging/heapwatch.service
	@mkdir -p $(@D)
	@sed 's,@BINDIR@,$(PREFIX)/bin,; s,@SYSCONFDIR@,$(SYSCONFDIR),' $< > $@

# A configuration that is there stays as it is. Who has built it has what that
# needs, on whatever system; else it is installed, or said what to install.
.PHONY: install
install:
	@[ -x $(BUILD)/heapwatch ] || packaging/deps build
	@$(MAKE) --no-print-directory all $(BUILD)/packaging/heapwatch.service
	@$(foreach i,$(installed),install -D -m $(call part,$(i),1) \
		$(call part,$(i),2) $(DESTDIR)$(call part,$(i),3) && \
		echo "  INSTALL $(DESTDIR)$(call part,$(i),3)" &&) true
	@[ -e $(config) ] || { install -D -m 644 packaging/heapwatch.yaml $(config) && \
		echo "  INSTALL $(config)"; }
	@[ -n "$(DESTDIR)" ] || echo "Then: systemd-sysusers && systemctl daemon-reload && systemctl enable --now heapwatch"

# The configuration and the database are not the program's: they stay.
.PHONY: uninstall
uninstall:
	rm -f $(foreach i,$(installed),$(DESTDIR)$(call part,$(i),3))
	-@rmdir $(DESTDIR)$(PREFIX)/share/doc/heapwatch 2>/dev/null
