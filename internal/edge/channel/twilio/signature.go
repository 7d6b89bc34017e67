package twilio

import (
	"crypto/hmac"
	"crypto/sha1" // what the provider signs with
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
)

// Sign returns the signature of a request to a URL with a form.
func Sign(token, at string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(at))
	for _, k := range slices.Sorted(maps.Keys(form)) {
		for _, v := range form[k] {
			mac.Write([]byte(k + v))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify reports whether a signature is right, in a time that does not depend on how wrong it is.
func Verify(token, at string, form url.Values, signature string) bool {
	return token != "" && hmac.Equal([]byte(Sign(token, at, form)), []byte(signature))
}
