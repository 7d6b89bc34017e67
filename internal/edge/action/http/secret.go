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
var reference = regexp.MustCompile(`\bsecret:([A-Za-z0-9][A-Za-z0-9_./-]*)`)

// vault resolves the secrets of one request and remembers them, to take them out of what comes back.
type vault struct {
	lookup func(name string) (string, error)
	hide   []string // old, new, old, new, for a Replacer
}

// fill returns a header value with its references replaced.
func (v *vault) fill(value string) (string, error) {
	var failed error
	filled := reference.ReplaceAllStringFunc(value, func(ref string) string {
		name := strings.TrimPrefix(ref, "secret:")
		if v.lookup == nil {
			failed = errs.New(errs.Invalid, "there are no secrets here, so secret:%s cannot be used", name)
			return ""
		}
		secret, err := v.lookup(name)
		if err != nil {
			failed = errs.Wrap(err, errs.Invalid, "secret:%s cannot be read", name)
			return ""
		}
		if secret == "" {
			failed = errs.New(errs.Invalid, "secret:%s is empty", name)
			return ""
		}
		v.remember(name, secret)
		return secret
	})
	return filled, failed
}

// remember hides a secret as it is and as servers and URLs write it.
func (v *vault) remember(name, secret string) {
	quoted, _ := json.Marshal(secret) // a string can always be encoded
	for _, form := range []string{
		secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		v.hide = append(v.hide, form, "[secret:"+name+"]")
	}
}

// redact takes the secrets out of a text.
func (v *vault) redact(text string) string {
	if len(v.hide) == 0 {
		return text
	}
	return strings.NewReplacer(v.hide...).Replace(text)
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
