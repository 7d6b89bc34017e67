package http

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"nightkeeper/internal/kit/errs"
)

// Secret is a text that is sent to a few servers and shown to nobody.
type Secret struct {
	Text string
	For  []*url.URL // scheme, host and port of the servers that may have it
}

// String keeps the text out of logs.
func (Secret) String() string { return "[secret]" }

// GoString keeps the text out of logs too.
func (Secret) GoString() string { return "[secret]" }

// mayGo reports whether a request to an address may carry the secret.
func (s Secret) mayGo(to *url.URL) bool {
	for _, u := range s.For {
		if sameOrigin(u, to) {
			return true
		}
	}
	return false
}

// Folder keeps secrets as files: NAME has the text, and NAME.hosts the servers that may have it, one on a line. It is
// read at each use, so that a secret may be replaced while the program runs.
type Folder struct{ dir string }

// hostsSuffix ends the name of the file that says where a secret may go.
const hostsSuffix = ".hosts"

// Bounds of a secret: what is shorter cannot be taken out of an answer without taking out words as well.
const (
	minSecret = 8
	maxSecret = 8 << 10
)

var secretFile = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// OpenFolder returns the secrets of a directory. It reads all of them once: one that could not be used at night is an
// error with the code invalid that names the file and says what would be right.
func OpenFolder(dir string) (Folder, error) {
	f := Folder{dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return f, errs.Wrap(err, errs.Invalid, "the directory of secrets %s cannot be read", dir)
	}
	var bad []error
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue // Kubernetes keeps the versions of a mounted Secret there
		}
		secret, isHosts := strings.CutSuffix(name, hostsSuffix)
		if isHosts {
			if _, err := os.Stat(filepath.Join(dir, secret)); err != nil {
				bad = append(bad, errs.New(errs.Invalid, "%s: there is no file %s beside it with the secret", filepath.Join(dir, name), secret))
			}
			continue
		}
		if _, err := f.Secret(name); err != nil {
			bad = append(bad, err)
		}
	}
	if len(bad) > 0 {
		return f, errs.Wrap(errors.Join(bad...), errs.Invalid, "a secret cannot be used: %s", errs.Message(bad[0]))
	}
	return f, nil
}

// Secret reads a secret. The error has the code not_found when there is none of that name, and invalid when it cannot be
// used; it says nothing of the text.
func (f Folder) Secret(name string) (Secret, error) {
	path := filepath.Join(f.dir, name)
	if !secretFile.MatchString(name) {
		return Secret{}, errs.New(errs.Invalid, "%s: the name of a secret has letters, digits, - and _", path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Secret{}, errs.New(errs.NotFound, "there is no secret named %s", name)
	case err != nil:
		return Secret{}, errs.Wrap(err, errs.Invalid, "%s cannot be read", path)
	case !info.Mode().IsRegular():
		return Secret{}, errs.New(errs.Invalid, "%s is not a file", path)
	case info.Mode().Perm()&0o007 != 0:
		return Secret{}, errs.New(errs.Invalid, "%s is open to every user of this machine; chmod 600 it", path)
	case info.Size() > maxSecret:
		return Secret{}, errs.New(errs.Invalid, "%s is larger than %d KiB", path, maxSecret>>10)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, errs.Wrap(err, errs.Invalid, "%s cannot be read", path)
	}
	s := Secret{Text: strings.TrimRight(string(b), "\r\n")}
	switch {
	case len(s.Text) < minSecret:
		return Secret{}, errs.New(errs.Invalid, "%s is shorter than %d characters: it could not be kept out of answers", path, minSecret)
	case strings.ContainsAny(s.Text, "\r\n\x00"):
		return Secret{}, errs.New(errs.Invalid, "%s has more than one line", path)
	}
	s.For, err = readHosts(path + hostsSuffix)
	return s, err
}

// readHosts reads the servers that may have a secret.
func readHosts(path string) ([]*url.URL, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.Invalid, "%s is missing: write the servers that may have the secret in it, one on a line, such as https://api.example.com", path)
	}
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "%s cannot be read", path)
	}
	var out []*url.URL
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		u, err := readHost(line)
		if err != nil {
			return nil, errs.New(errs.Invalid, "%s:%d: %s", path, i+1, err)
		}
		out = append(out, u)
	}
	if len(out) == 0 {
		return nil, errs.New(errs.Invalid, "%s names no server", path)
	}
	return out, nil
}

// readHost reads one server: a bare name is one that speaks https.
func readHost(line string) (*url.URL, error) {
	if !strings.Contains(line, "://") {
		line = "https://" + line
	}
	u, err := checkURL(line)
	if err != nil {
		return nil, errors.New(errs.Message(err))
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || strings.Contains(u.Host, "*") {
		return nil, fmt.Errorf("%q is not one server; write https://host or https://host:port", line)
	}
	return u, nil
}
