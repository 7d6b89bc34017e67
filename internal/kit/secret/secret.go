package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Text is a secret. The zero value is none. It prints as "[secret]" however it is printed.
type Text struct{ s string }

// New returns a secret.
func New(s string) Text { return Text{s} }

// Reveal returns the text, to be sent to whom it is for.
func (t Text) Reveal() string { return t.s }

// Set reports whether there is a text.
func (t Text) Set() bool { return t.s != "" }

// String keeps the text out of logs.
func (t Text) String() string { return "[secret]" }

// GoString keeps the text out of logs too.
func (t Text) GoString() string { return "[secret]" }

// MarshalJSON keeps the text out of answers.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal("[secret]") }

// MarshalText keeps the text out of everything else that is written.
func (t Text) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// UnmarshalYAML reads the text itself, {env: NAME} or {file: PATH}. The error never repeats the text.
func (t *Text) UnmarshalYAML(decode func(any) error) error {
	var plain string
	if err := decode(&plain); err == nil {
		t.s = plain
		return nil
	}
	var keys map[string]string
	if err := decode(&keys); err != nil || len(keys) != 1 || (keys["env"] == "" && keys["file"] == "") {
		return errors.New("a secret is a text, {env: NAME} or {file: PATH}")
	}
	var err error
	if name := keys["env"]; name != "" {
		t.s, err = ofEnv(name)
	} else {
		t.s, err = ofFile(keys["file"])
	}
	return err
}

func ofEnv(name string) (string, error) {
	v := os.Getenv(name)
	if v == "" {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return v, nil
}

func ofFile(path string) (string, error) {
	b, err := Private(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%s has no secret in it, or more than one line", path)
	}
	return s, nil
}

// Private reads a file that holds secrets. One that every user of the machine may read is refused.
func Private(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", path, errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("%s is open to every user of this machine; chmod 600 it", path)
	case info.Size() > 1<<20:
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return os.ReadFile(path)
}
