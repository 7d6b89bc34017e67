package webpush

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// The example of RFC 8291, section 5.
func TestEncryptionOfTheStandard(t *testing.T) {
	const (
		serverPrivate = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
		devicePublic  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
		auth          = "BTBZMqHH6r4Tts7J_aSIgg"
		salt          = "DGv6ra1nlYgDCS1FRnbzlw"
		want          = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	)
	raw, err := b64.DecodeString(serverPrivate)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b64.DecodeString(salt)
	if err != nil {
		t.Fatal(err)
	}
	got, err := encrypt([]byte("When I grow up, I want to be a watermelon"), devicePublic, auth, ours, s)
	if err != nil || b64.EncodeToString(got) != want {
		t.Errorf("got %s, %v", b64.EncodeToString(got), err)
	}
}

// device is a browser with its keys.
type device struct {
	private *ecdh.PrivateKey
	auth    []byte
}

func newDevice(t *testing.T) device {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := device{k, make([]byte, 16)}
	if _, err := rand.Read(d.auth); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d device) at(endpoint string) page.Device {
	return page.Device{Person: "mira", Name: "phone", Endpoint: endpoint, Key: b64.EncodeToString(d.private.PublicKey().Bytes()), Auth: b64.EncodeToString(d.auth)}
}

// read decrypts the body of a push as a browser does.
func (d device) read(t *testing.T, body string) map[string]any {
	t.Helper()
	salt, serverKey := []byte(body[:16]), []byte(body[21:86])
	theirs, err := ecdh.P256().NewPublicKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := d.private.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	aead, nonce, err := derive(shared, d.auth, d.private.PublicKey().Bytes(), serverKey, salt)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := aead.Open(nil, nonce, []byte(body[86:]), nil)
	if err != nil || plain[len(plain)-1] != 2 {
		t.Fatalf("the device cannot read it: %v", err)
	}
	var v map[string]any
	if err := json.Unmarshal(plain[:len(plain)-1], &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// shelf keeps devices in memory.
type shelf struct {
	all     []page.Device
	dropped []string
}

func (s *shelf) Devices(context.Context, string) ([]page.Device, error) { return s.all, nil }

func (s *shelf) DropDevice(_ context.Context, endpoint string) error {
	s.dropped = append(s.dropped, endpoint)
	return nil
}

func key(t *testing.T) Key {
	t.Helper()
	text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ReadKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func channel(t *testing.T, s *shelf) *Channel {
	t.Helper()
	return New(Config{Subject: "mailto:ops@example.org"}, key(t), s, channeltest.Client(), func() time.Time { return channeltest.T0 })
}

func TestAnswers(t *testing.T) {
	d := newDevice(t)
	channeltest.Table(t, channeltest.Night(""), func(at string) page.Channel {
		return channel(t, &shelf{all: []page.Device{d.at(at + "/send/" + channeltest.Hidden)}})
	},
		channeltest.Case{Name: "taken", Answer: channeltest.Answer{Status: 201}},
		channeltest.Case{Name: "gone", Answer: channeltest.Answer{Status: 410}, Code: errs.Invalid},
		channeltest.Case{Name: "not found", Answer: channeltest.Answer{Status: 404}, Code: errs.Invalid},
		channeltest.Case{Name: "too large", Answer: channeltest.Answer{Status: 413}, Code: errs.Invalid},
	)
}

func TestDeviceCanReadItAndNobodyElse(t *testing.T) {
	d := newDevice(t)
	p := channeltest.Serve(t, channeltest.Answer{Status: 201})
	c := channel(t, &shelf{all: []page.Device{d.at(p.URL + "/send/1")}})
	m := channeltest.Night("")
	m.Text = strings.Repeat("\x01", 5000) // the longest that JSON makes of it
	if receipt, err := c.Send(t.Context(), m); err != nil || receipt != "accepted for 1 of 1 devices" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	got := d.read(t, r.Body)
	if got["title"] != "SEV1 checkout" || got["url"] != m.PageURL || got["ack"] != m.AckURL || got["tag"] != "pg_1" || len(r.Body) > 4096 {
		t.Errorf("%v in %d bytes", got, len(r.Body))
	}
	if r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("TTL") == "" || r.Header.Get("Urgency") != "high" {
		t.Errorf("headers %v", r.Header)
	}
	token, public, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "vapid t="), ", k=")
	if !ok || public != c.key.Public || !signedBy(t, token, public) {
		t.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	claims, err := b64.DecodeString(strings.Split(token, ".")[1])
	if want := `{"aud":"` + p.URL + `","exp":1795791600,"sub":"mailto:ops@example.org"}`; err != nil || string(claims) != want {
		t.Errorf("claims %s, want %s", claims, want)
	}
}

// signedBy checks a token as a push service does.
func signedBy(t *testing.T, token, public string) bool {
	t.Helper()
	raw, err := b64.DecodeString(public)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.LastIndex(token, ".")
	s, err := b64.DecodeString(token[i+1:])
	if err != nil || len(s) != 64 {
		t.Fatalf("signature of %d bytes, %v", len(s), err)
	}
	sum := sha256.Sum256([]byte(token[:i]))
	return ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:]))
}

func TestOneDeviceIsEnoughAndOneThatIsGoneIsForgotten(t *testing.T) {
	good, gone, busy := channeltest.Serve(t, channeltest.Answer{Status: 201}), channeltest.Serve(t, channeltest.Answer{Status: 410}),
		channeltest.Serve(t, channeltest.Answer{Status: 429, Header: map[string]string{"Retry-After": "9"}})
	d := newDevice(t)
	s := &shelf{all: []page.Device{d.at(gone.URL), d.at(busy.URL), d.at(good.URL)}}
	if receipt, err := channel(t, s).Send(t.Context(), channeltest.Night("")); err != nil || receipt != "accepted for 1 of 3 devices" {
		t.Errorf("%q, %v", receipt, err)
	}
	if len(s.dropped) != 1 || s.dropped[0] != gone.URL {
		t.Errorf("forgotten %v", s.dropped)
	}
	s.all = s.all[:2]
	if _, err := channel(t, s).Send(t.Context(), channeltest.Night("")); !errs.Is(err, errs.Unavailable) || errs.WaitOf(err) != 9*time.Second {
		t.Errorf("the one that may work later counts: %v", err)
	}
	s.all = nil
	if _, err := channel(t, s).Send(t.Context(), channeltest.Night("")); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), "mira has allowed messages on no device") {
		t.Errorf("%v", err)
	}
}

func TestKeysThatCannotWork(t *testing.T) {
	d := newDevice(t).at("https://push.example.org/1")
	for _, c := range [][2]string{{"", d.Auth}, {"!", d.Auth}, {d.Key, ""}, {d.Key, "AAAA"}, {d.Key[:40], d.Auth}, {b64.EncodeToString(make([]byte, 65)), d.Auth}} {
		if _, err := Encrypt([]byte("x"), c[0], c[1]); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", c, err)
		}
	}
	for _, text := range []string{"", "!", "AAAA"} {
		if _, err := ReadKey(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got := (Config{}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func FuzzEncrypt(f *testing.F) {
	f.Add([]byte("x"), "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "BTBZMqHH6r4Tts7J_aSIgg")
	f.Fuzz(func(t *testing.T, plain []byte, key, auth string) {
		b, err := Encrypt(plain, key, auth)
		if (err == nil) != (len(b) > 0) || len(b) > recordSize+86 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}
