package mask

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// Hidden stands where a secret was.
const Hidden = "[masked]"

// secretName is what fields that hold secrets are called.
var secretName = regexp.MustCompile(`(?i)(^|[_.-])(pass|passwd|password|passphrase|pwd|secret|secrets|token|tokens|authorization|auth|credential|credentials|cookie|cookies|signature|session|sessionid)$|` +
	`(api|access|private|routing|service|signing|encryption|integration|genie)[_.-]?key$|(client|shared|webhook)[_.-]?secret|(access|refresh|auth|bearer|id|csrf)[_.-]?token|password|set-cookie`)

// secretText is what looks like a secret wherever it stands; what the first group has is kept.
var secretText = []*regexp.Regexp{
	regexp.MustCompile(`()\bnk_[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`),
	regexp.MustCompile(`()\bgh[pousr]_[A-Za-z0-9]{20,}`),
	regexp.MustCompile(`()\bxox[abeoprs]-[A-Za-z0-9-]{10,}`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`),
	regexp.MustCompile(`(?i)\b((?:bearer|basic|geniekey)\s+)[A-Za-z0-9+/=_.~-]{8,}`),
	regexp.MustCompile(`(://[^/\s:@"]*:)[^/\s@"]+(?:@)`),
	regexp.MustCompile(`(?i)((?:^|[?&;\s,{"'])(?:[a-z0-9]+[_.-])*(?:pass|passwd|password|pwd|secret|token|api_?key|access_?key|private_?key|routing_?key|service_?key|signature|sig|auth)["']?\s*[=:]\s*["']?)[^\s"'&;,}]+`),
}

// Text hides what looks like a secret in a text.
func Text(s string) string {
	for i, re := range secretText {
		with := "${1}" + Hidden
		if i == 7 {
			with += "@"
		}
		s = re.ReplaceAllString(s, with)
	}
	return s
}

// Payload hides the secrets of a body. JSON keeps its form: order, spaces and numbers stay as they came. Anything else is
// treated as text.
func Payload(body []byte) string {
	if !json.Valid(body) {
		return Text(strings.ToValidUTF8(string(body), "\ufffd"))
	}
	return string(jsonBody(body, 0))
}

// deepest is how often JSON is looked for in the texts of JSON, as SNS has it.
const deepest = 3

// frame is an object or a list that the reader is in.
type frame struct {
	object bool
	key    string // of the value that comes next
	isKey  bool   // the next text is a name
	secret bool   // everything in it is hidden
}

// jsonBody hides values of valid JSON.
func jsonBody(body []byte, depth int) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out bytes.Buffer
	var stack []frame
	written := int64(0)
	top := func() *frame {
		if len(stack) == 0 {
			return &frame{}
		}
		return &stack[len(stack)-1]
	}
	for {
		t, err := d.Token()
		if err != nil {
			if err != io.EOF {
				return []byte(Text(string(body))) // it was valid a moment ago
			}
			out.Write(body[written:])
			return out.Bytes()
		}
		f := top()
		if delim, ok := t.(json.Delim); ok {
			switch delim {
			case '{', '[':
				hidden := f.secret || (f.object && secretName.MatchString(f.key))
				if f.object {
					f.isKey = true
				}
				stack = append(stack, frame{object: delim == '{', isKey: delim == '{', secret: hidden})
			default:
				stack = stack[:len(stack)-1]
			}
			continue
		}
		if f.object && f.isKey {
			f.key, f.isKey = t.(string), false
			continue
		}
		hidden := f.secret || (f.object && secretName.MatchString(f.key))
		if f.object {
			f.isKey = true
		}
		next, changed := value(t, hidden, depth)
		if !changed {
			continue
		}
		end := d.InputOffset()
		start := end - int64(lengthBefore(body[:end], t))
		out.Write(body[written:start])
		out.Write(next)
		written = end
	}
}

// value returns what is shown instead of a value, when that is something else.
func value(t json.Token, hidden bool, depth int) (shown []byte, changed bool) {
	s, ok := t.(string)
	switch {
	case hidden && t == nil, hidden && ok && s == "":
		return nil, false
	case hidden:
		return []byte(`"` + Hidden + `"`), true
	case !ok:
		return nil, false
	}
	clean := ""
	if depth < deepest && strings.HasPrefix(strings.TrimSpace(s), "{") && json.Valid([]byte(s)) {
		clean = string(jsonBody([]byte(s), depth+1))
	} else {
		clean = Text(s)
	}
	if clean == s {
		return nil, false
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(clean); err != nil {
		return []byte(`"` + Hidden + `"`), true
	}
	return bytes.TrimSpace(b.Bytes()), true
}

// lengthBefore returns how long the value is with which a part of JSON ends.
func lengthBefore(body []byte, t json.Token) int {
	if _, ok := t.(string); !ok {
		switch x := t.(type) {
		case json.Number:
			return len(x.String())
		case bool:
			if x {
				return len("true")
			}
			return len("false")
		}
		return len("null")
	}
	for i := len(body) - 2; i >= 0; i-- {
		if body[i] != '"' {
			continue
		}
		escapes := 0
		for j := i - 1; j >= 0 && body[j] == '\\'; j-- {
			escapes++
		}
		if escapes%2 == 0 {
			return len(body) - i
		}
	}
	return len(body)
}
