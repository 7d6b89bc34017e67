package app

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// channelsFile writes a channels file.
func channelsFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "channels.yaml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMistakesOfAChannelsFile(t *testing.T) {
	f := func(text string, mode os.FileMode, want string) {
		t.Helper()
		_, err := ReadChannels(channelsFile(t, text, mode))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("ntfy: {token: hunter2}", 0o644, "chmod 600")
	f("ntfy: {tokn: hunter2}", 0o600, `unknown field "tokn"`)
	f("fax: {token: hunter2}", 0o600, `unknown field "fax"`)
	f("ntfy:\n  token: [hunter2]", 0o600, "a secret is a text, {env: NAME} or {file: PATH}")
	f("ntfy:\n  token: {env: NK_TEST_NOT_SET}", 0o600, "NK_TEST_NOT_SET is not set")
	f("discord: {rooms: {ops: hunter2}}", 0o600, "discord: rooms.ops is not the address of a webhook")
	f("discord: {}\nteams: {}", 0o600, "the first of its mistakes (2 in all)")
	f("hunter2", 0o600, "cannot be used")
	f("ntfy: {token: hunter2", 0o600, "cannot be used")
	if _, err := ReadChannels(filepath.Join(t.TempDir(), "none")); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
	for _, empty := range []string{"", channelsFile(t, "", 0o600), channelsFile(t, "# nothing\n", 0o600)} {
		if c, err := ReadChannels(empty); err != nil || len(c.settings()) != 0 {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestExampleOfAChannelsFileIsGood(t *testing.T) {
	b, err := os.ReadFile("../../docs/examples/channels.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir, text := t.TempDir(), string(b)
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '}' || r == '\n' }) {
		if strings.ToUpper(word) == word && strings.Contains(word, "_") {
			t.Setenv(word, "https://example.org")
		}
		if strings.HasPrefix(word, "/etc/nightkeeper/") {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(word)), []byte("https://example.org"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("NTFY_TOPIC_ADA", "topic")
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-1")
	t.Setenv("SLACK_APP_TOKEN", "xapp-1")
	t.Setenv("TELEGRAM_TOKEN", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw")
	c, err := ReadChannels(channelsFile(t, strings.ReplaceAll(text, "/etc/nightkeeper", dir), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for v, i := reflect.ValueOf(c), 0; i < v.NumField(); i++ {
		if v.Field(i).IsNil() {
			t.Errorf("the example has no %s", v.Type().Field(i).Name)
		}
	}
}

func TestContactsThatTheServerCannotUse(t *testing.T) {
	c, err := ReadChannels(channelsFile(t, "discord: {rooms: {ops: 'https://x/hunter2'}}\nntfy: {}", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	cat := &catalog.Catalog{People: map[string]*catalog.Person{
		"ada": {Contacts: []catalog.Contact{{Channel: "inbox"}, {Channel: "ntfy", Address: "anything"}, {Channel: "discord", Address: "ops"}, {Channel: "webhook", Address: "https://x"}}},
		"bob": {Contacts: []catalog.Contact{{Channel: "discord", Address: "dev"}, {Channel: "teams", Address: "ops"}, {Channel: "email", Address: "bob@example.org"}}},
	}}
	want := []string{`bob cannot be told by discord: there is no room "dev" in the channels file`, "bob cannot be told by teams: the server has no such channel",
		"bob cannot be told by email: the server has no such channel"}
	if got := c.Unreachable(cat, false); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := c.Unreachable(cat, true); !slices.Equal(got, want[:2]) {
		t.Errorf("%q", got)
	}
}
