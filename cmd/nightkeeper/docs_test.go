package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const docs = "../../docs"

func docPage(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docs, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// docs/cli.md has every command with its flags, but for those that all commands of a client share.
func TestCommandsAreDocumented(t *testing.T) {
	text := docPage(t, "cli.md")
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.HasSubCommands() {
			for _, sub := range c.Commands() {
				visit(sub)
			}
			if !c.Runnable() {
				return
			}
		}
		name, row := c.CommandPath(), ""
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "| `"+name+"`") || strings.HasPrefix(line, "| `"+name+" ") {
				row += line
			}
		}
		if row == "" {
			t.Errorf("docs/cli.md does not have %s", name)
		}
		if c.Name() == "serve" { // they are in docs/operations.md
			return
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			shared := c.LocalFlags().Lookup("url") != nil && (f.Name == "url" || f.Name == "data" || f.Name == "json")
			if f.Name != "help" && !shared && !strings.Contains(row+text[:strings.Index(text, "## Exit codes")], "--"+f.Name) {
				t.Errorf("docs/cli.md does not have --%s of %s", f.Name, name)
			}
		})
	}
	visit(newRoot())
}

func TestSettingsAreDocumented(t *testing.T) {
	text := docPage(t, "operations.md")
	newServe().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !strings.Contains(text, "| `--"+f.Name+"` | `"+envName(f.Name)+"` |") {
			t.Errorf("docs/operations.md has no row with --%s and %s", f.Name, envName(f.Name))
		}
	})
}

var fenced = regexp.MustCompile("(?ms)^```\\w*\n(.*?)^```$")

// What pages tell people to type is a command with flags that it has.
func TestCommandsOnPagesExist(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, "../../README.md") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fenced.FindAllStringSubmatch(string(b), -1) {
			for line := range strings.Lines(m[1]) {
				words := command(line)
				if words == nil {
					continue
				}
				found++
				c, rest, err := newRoot().Find(words)
				if err != nil || !c.Runnable() {
					t.Errorf("%s: %q is no command: %v", file, strings.TrimSpace(line), err)
					continue
				}
				for _, w := range rest {
					name, isFlag := strings.CutPrefix(w, "--")
					name, _, _ = strings.Cut(name, "=")
					if isFlag && c.Flags().Lookup(name) == nil {
						t.Errorf("%s: %s has no flag --%s", file, c.CommandPath(), name)
					}
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("found only %d commands", found)
	}
}

// command returns the words of a line after the program's name, or nil when the line does not run it.
func command(line string) []string {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " ||")
	line = strings.TrimSpace(line)
	for _, prefix := range []string{"run: ", "script: "} {
		line = strings.TrimPrefix(line, prefix)
	}
	for _, prefix := range []string{"nightkeeper ", "build/nightkeeper ", "go run ./cmd/nightkeeper "} {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.Fields(rest)
		}
	}
	return nil
}
