package http

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nightkeeper/internal/kit/errs"
)

// folder writes files that only their owner may read.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolderKeepsSecretsAndWhereTheyMayGo(t *testing.T) {
	dir := folder(t, map[string]string{
		"deploy-token":       "correct horse\n",
		"deploy-token.hosts": "# the platform\napi.example.com\n\nhttps://api.example.com:8443/\nhttp://10.0.0.5:8080\n",
		".version":           "x",
	})
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Secret("deploy-token")
	if err != nil || s.Text != "correct horse" {
		t.Fatalf("got %q, %v", s.Text, err)
	}
	for _, u := range []struct {
		to   string
		want bool
	}{
		{"https://api.example.com/v1", true},
		{"https://API.example.com:443/", true},
		{"https://api.example.com:8443/x", true},
		{"http://10.0.0.5:8080/", true},
		{"http://api.example.com/", false},
		{"https://10.0.0.5:8080/", false},
		{"http://10.0.0.5/", false},
		{"https://evil.api.example.com/", false},
	} {
		to, err := checkURL(u.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.mayGo(to); got != u.want {
			t.Errorf("%s: %t, want %t", u.to, got, u.want)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb+verb, s, []Secret{s}); strings.Contains(text, "horse") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "deploy-token"), []byte("another one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Secret("deploy-token"); err != nil || s.Text != "another one" {
		t.Errorf("a secret that was replaced: %q, %v", s.Text, err)
	}
	for name, want := range map[string]errs.Code{"none": errs.NotFound, "../deploy-token": errs.Invalid, "deploy-token.hosts": errs.Invalid, "": errs.Invalid} {
		if _, err := f.Secret(name); errs.CodeOf(err) != want {
			t.Errorf("%q: %v, want code %s", name, err, want)
		}
	}
}

func TestFolderThatCannotBeUsedIsRefusedAtTheStart(t *testing.T) {
	const hosts = "https://api.example.com"
	f := func(name string, files map[string]string, mode fs.FileMode, want string) {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, files)
			if mode != 0 {
				if err := os.Chmod(filepath.Join(dir, "token"), mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err := OpenFolder(dir)
			if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "horse") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
	f("no hosts", map[string]string{"token": "correct horse"}, 0, "token.hosts is missing")
	f("hosts without a secret", map[string]string{"token.hosts": hosts}, 0, "there is no file token beside it")
	f("empty hosts", map[string]string{"token": "correct horse", "token.hosts": "# none\n"}, 0, "names no server")
	f("any host", map[string]string{"token": "correct horse", "token.hosts": "a.example.com\n*.example.com"}, 0, "token.hosts:2: ")
	f("a path", map[string]string{"token": "correct horse", "token.hosts": "https://a.example.com/v1"}, 0, "token.hosts:1: ")
	f("another protocol", map[string]string{"token": "correct horse", "token.hosts": "ftp://a.example.com"}, 0, "must begin with http")
	f("too short", map[string]string{"token": "horse", "token.hosts": hosts}, 0, "shorter than 8 characters")
	f("two lines", map[string]string{"token": "correct\nhorse", "token.hosts": hosts}, 0, "more than one line")
	f("too large", map[string]string{"token": strings.Repeat("horse", 9000), "token.hosts": hosts}, 0, "larger than")
	f("a name that cannot be written", map[string]string{"to ken": "correct horse", "to ken.hosts": hosts}, 0, "the name of a secret")
	f("open to everybody", map[string]string{"token": "correct horse", "token.hosts": hosts}, 0o644, "chmod 600")
	if _, err := OpenFolder(filepath.Join(t.TempDir(), "none")); !errs.Is(err, errs.Invalid) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
