package http

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"nightkeeper/internal/kit/errs"
)

// reference is how a header names a secret: "Bearer secret:deploy-token".
var reference = regexp.MustCompile(`\bsecret:([A-Za-z0-9][A-Za-z0-9_-]*)`)

// vault resolves the secrets of one request and remembers them, to take them out of what comes back.
type vault struct {
	lookup  func(name string) (Secret, error)
	hide    []string // old, new, old, new, for a Replacer
	longest int      // of what is hidden
}

// fill returns a header value of a request to an address, with its references replaced.
func (v *vault) fill(value string, to *url.URL) (string, error) {
	var failed error
	filled := reference.ReplaceAllStringFunc(value, func(ref string) string {
		name := strings.TrimPrefix(ref, "secret:")
		text, err := v.open(name, to)
		if err != nil {
			failed = err
		}
		return text
	})
	return filled, failed
}

// open returns the text of a secret when it may go to an address.
func (v *vault) open(name string, to *url.URL) (string, error) {
	if v.lookup == nil {
		return "", errs.New(errs.Invalid, "there are no secrets here, so secret:%s cannot be used", name)
	}
	s, err := v.lookup(name)
	switch {
	case errs.Is(err, errs.NotFound):
		return "", errs.Wrap(err, errs.Invalid, "there is no secret named %s", name)
	case err != nil:
		return "", errs.Wrap(err, errs.Invalid, "secret:%s cannot be read", name)
	case s.Text == "":
		return "", errs.New(errs.Invalid, "secret:%s is empty", name)
	case !s.mayGo(to):
		return "", errs.New(errs.Denied, "secret:%s must not be sent to %s://%s", name, to.Scheme, to.Host)
	}
	v.remember(name, s.Text)
	return s.Text, nil
}

// remember hides a secret as it is and as servers and URLs write it.
func (v *vault) remember(name, secret string) {
	quoted, _ := json.Marshal(secret) // a string can always be encoded
	for _, form := range []string{
		secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		v.hide = append(v.hide, form, "[secret:"+name+"]")
		v.longest = max(v.longest, len(form))
	}
}

// redact takes the secrets out of a text.
func (v *vault) redact(text string) string {
	if len(v.hide) == 0 {
		return text
	}
	return strings.NewReplacer(v.hide...).Replace(text)
}

// redactCut is redact for a text whose end was cut off, where a part of a secret may be left.
func (v *vault) redactCut(text string) string {
	text = v.redact(text)
	return text[:max(0, len(text)-max(0, v.longest-1))]
}

// redactValue takes the secrets out of decoded JSON. A number that is a secret becomes a text.
func (v *vault) redactValue(value any) any {
	switch value := value.(type) {
	case string:
		return v.redact(value)
	case json.Number:
		if clean := v.redact(string(value)); clean != string(value) {
			return clean
		}
	case []any:
		for i := range value {
			value[i] = v.redactValue(value[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(value))
		for k, inner := range value {
			clean[v.redact(k)] = v.redactValue(inner)
		}
		return clean
	}
	return value
}
