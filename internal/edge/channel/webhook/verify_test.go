package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/loop/page"
)

// to is a channel whose messages go to one URL.
type to struct {
	*Channel
	url string
}

func (c *to) Send(ctx context.Context, m page.Message) (string, error) {
	m.Address = c.url
	return c.Channel.Send(ctx, m)
}

// verify reports whether a request comes from Nightkeeper: header is Nightkeeper-Signature, body what was sent, unchanged.
func verify(key, header string, body []byte, now time.Time) bool {
	var t string
	var given [][]byte
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			t = value
		case "v1":
			if b, err := hex.DecodeString(value); err == nil {
				given = append(given, b)
			}
		}
	}
	sent, err := strconv.ParseInt(t, 10, 64)
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false // not a time, or a request of some other day that is played again
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, g := range given {
		if hmac.Equal(g, want) {
			return true
		}
	}
	return false
}
