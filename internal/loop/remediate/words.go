package remediate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate/script"
)

// Bounds of what a step may say on the timeline, in bytes. The journal has all of it.
const (
	maxArg   = 200
	maxBody  = 300
	maxError = 600
	maxText  = script.MaxLine
)

// masked stands where something was that nobody should read on a timeline.
const masked = "[hidden]"

// describe puts a finished step into words.
func describe(e script.Entry) (kind, text string, ok bool) {
	args, err := e.DecodeArgs()
	if err != nil {
		return KindActed, e.Name, false
	}
	res, _ := script.Decode(e.Result)
	m, _ := res.(map[string]any)
	ok, _ = m["ok"].(bool)
	switch e.Name {
	case script.Note:
		return KindNoted, cut(str(args["text"]), maxText), true
	case script.Now, "approve":
		return "", "", ok
	}
	if !ok {
		return KindActed, inWords(e) + ": failed: " + cut(str(m["error"]), maxError), false
	}
	return KindActed, inWords(e) + ": done", true
}

// inWords puts a call into words, without what is long and without what looks like a secret.
func inWords(e script.Entry) string {
	what := e.Name
	args, err := e.DecodeArgs()
	if err != nil {
		return what
	}
	for _, k := range []string{"url", "service", "query", "duration", "calm"} {
		v := str(args[k])
		if k == "url" {
			v = PlainURL(v)
		}
		if v != "" {
			what += " " + cut(v, maxArg)
		}
	}
	if b := args["body"]; b != nil {
		if enc, err := json.Marshal(mask(b)); err == nil {
			what += " " + cut(string(enc), maxBody)
		}
	}
	return what
}

// reason puts what kept a run from its end into words.
func reason(err error) string {
	var u *script.UnknownOutcomeError
	var d *script.DivergedError
	switch {
	case errors.As(err, &u):
		return fmt.Sprintf("step %d at %s: it is not known whether %s happened", u.Entry.Seq, u.Entry.Site, inWords(u.Entry))
	case errors.As(err, &d):
		asked := "the script has ended"
		if d.Asked != nil {
			asked = fmt.Sprintf("the script asks at %s for %s", d.Asked.Site, inWords(*d.Asked))
		}
		return fmt.Sprintf("step %d: the journal has %s from %s; %s", d.Recorded.Seq, inWords(*d.Recorded), d.Recorded.Site, asked)
	}
	return errs.Message(err)
}

// PlainURL returns an address as people may read it: without user and password, without its fragment, and without the
// values in its query that look like secrets.
func PlainURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		head, _, _ := strings.Cut(raw, "?") // what cannot be parsed cannot be looked through
		if scheme, rest, ok := strings.Cut(head, "://"); ok {
			head = scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
		}
		return head
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	u.Opaque = u.Opaque[strings.LastIndexByte(u.Opaque, '@')+1:]
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, p := range pairs {
			k, v, _ := strings.Cut(p, "=")
			name, value := unescaped(k), unescaped(v)
			if value != "" && (secretName.MatchString(name) || looksSecret(value)) {
				pairs[i] = k + "=" + masked
			}
		}
		u.RawQuery = strings.Join(pairs, "&")
	}
	return u.String()
}

// unescaped returns a part of a query as it was meant, or as it is when that cannot be told.
func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// secretName finds names whose values are secrets: by words, so that tokenize and keyboard are none.
var secretName = regexp.MustCompile(`(?i)(^|[^a-z])(secret|token|password|passwd|passphrase|pwd|credentials?|signature|sig|auth|authorization|api[_-]?key|access[_-]?key|private[_-]?key|key|jwt|session|sessionid)([^a-z]|$)|apikey|(?-i:[a-z](Token|Secret|Password|Key|Signature)$)`)

// looksSecret reports whether a value looks like one that was made by a machine to be kept: long, without spaces, and
// of letters and digits mixed, which names, versions and words are not.
func looksSecret(v string) bool {
	if len(v) < 20 || uuid.MatchString(v) {
		return false
	}
	lower, upper, digits := 0, 0, 0
	for _, c := range v {
		switch {
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= '0' && c <= '9':
			digits++
		case !strings.ContainsRune("-_.+/=~", c):
			return false
		}
	}
	return digits >= 3 && lower+upper >= 6 && (upper > 0 && lower > 0 || digits*5 >= len(v))
}

// uuid is an id of a thing, which people need to find it.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// mask returns a body without the values of fields whose names say that they are secrets.
func mask(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = mask(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if s, ok := e.(string); ok && s != "" && secretName.MatchString(k) {
				out[k] = masked
				continue
			}
			out[k] = mask(e)
		}
		return out
	}
	return v
}

// cut returns a text of at most so many bytes, and shows that it was longer.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
