package webhook

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/channel/channeltest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/secret"
	"nightkeeper/internal/loop/page"
)

var t0 = channeltest.T0

func channel(keys ...string) *Channel {
	return New(Config{}, channeltest.Client(), func() []string { return keys }, func() time.Time { return t0 })
}

func TestPostIsSignedAndKnownAgain(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 202})
	receipt, err := channel("key").Send(t.Context(), channeltest.Night(p.URL+"/hunter2"))
	if err != nil || receipt != "status 202" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := p.Only(t)
	header, body := r.Header.Get("Nightkeeper-Signature"), []byte(r.Body)
	f := func(what string, want bool, key, header string, body []byte, now time.Time) {
		t.Helper()
		if verify(key, header, body, now) != want {
			t.Errorf("%s: want %v of %q", what, want, header)
		}
	}
	f("as it was sent", true, "key", header, body, t0.Add(time.Minute))
	f("another key", false, "other", header, body, t0)
	f("another body", false, "key", header, append(body, ' '), t0)
	f("another time", false, "key", strings.Replace(header, "t=1", "t=2", 1), body, t0)
	f("an old one, played again", false, "key", header, body, t0.Add(time.Hour))
	f("one of the future", false, "key", header, body, t0.Add(-time.Hour))
	for _, h := range []string{"", "t=", "v1=", "t=x,v1=y", ",,,===", "t=1764212400,v1=zz"} {
		f("no signature", false, "key", h, body, t0)
	}
	if r.Header.Get("Idempotency-Key") != "ntf_1" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.Header)
	}
	m := r.JSON(t)
	if m["person"] != "mira" || m["ack_url"] != "https://nk.example.org/ack/token" || m["severity"] != "SEV1" {
		t.Errorf("body %s", r.Body)
	}
	if strings.Contains(r.Body, channeltest.Hidden) {
		t.Errorf("the address, which may hold a secret, is in the body: %s", r.Body)
	}
}

func TestAddressThatIsASecretHasAName(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200})
	c := channel("key")
	c.cfg.Addresses = map[string]secret.Text{"pager": secret.New(p.URL + "/hunter2")}
	if _, err := c.Send(t.Context(), channeltest.Night("pager")); err != nil || p.Only(t).Path != "/hunter2" {
		t.Errorf("%v", err)
	}
	if _, err := c.Send(t.Context(), channeltest.Night("other")); !errs.Is(err, errs.Invalid) {
		t.Errorf("%v", err)
	}
	if got := (Config{Addresses: map[string]secret.Text{"a": secret.New("b")}}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestBothKeysAreGoodWhileOneIsReplaced(t *testing.T) {
	p := channeltest.Serve(t, channeltest.Answer{Status: 200})
	if _, err := channel("new", "old").Send(t.Context(), channeltest.Night(p.URL)); err != nil {
		t.Fatal(err)
	}
	r := p.Only(t)
	for key, want := range map[string]bool{"new": true, "old": true, "older": false} {
		if verify(key, r.Header.Get("Nightkeeper-Signature"), []byte(r.Body), t0) != want {
			t.Errorf("%s: want %v", key, want)
		}
	}
}

func TestAnswersOfTheReceiver(t *testing.T) {
	m := channeltest.Night("")
	cases := []channeltest.Case{{Name: "200", Answer: channeltest.Answer{Status: 200}}, {Name: "204", Answer: channeltest.Answer{Status: 204}}}
	for _, s := range []int{400, 401, 404, 410, 422} {
		cases = append(cases, channeltest.Case{Name: "refused", Answer: channeltest.Answer{Status: s}, Code: errs.Invalid})
	}
	for _, s := range []int{408, 425, 429} {
		cases = append(cases, channeltest.Case{Name: "later", Answer: channeltest.Answer{Status: s}, Code: errs.Unavailable})
	}
	channeltest.Table(t, m, func(url string) page.Channel { return &to{channel("key"), url + "/" + channeltest.Hidden} }, cases...)
	for _, address := range []string{"", "ftp://x", "https://ada:hunter2@x", "https://x/\x00"} {
		if _, err := channel("key").Send(t.Context(), channeltest.Night(address)); !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), channeltest.Hidden) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// What the documentation tells receivers to do is what these tests do.
func TestDocumentationHasTheSameVerification(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/channels.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("verify_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, fn, ok := strings.Cut(string(source), "// verify ")
	if !ok || !strings.Contains(string(page), "// verify "+strings.TrimSpace(fn)) {
		t.Error("docs/channels.md does not have the function verify of verify_test.go, word for word")
	}
}

func FuzzVerify(f *testing.F) {
	body := []byte("{}")
	good := "t=" + strconv.FormatInt(t0.Unix(), 10) + ",v1=" + Sign("key", strconv.FormatInt(t0.Unix(), 10), body)
	f.Add(good, body)
	f.Add("v1=,t=,,=", []byte(nil))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		if verify("key", header, body, t0) && verify("another key", header, body, t0) {
			t.Errorf("%q is good under any key", header)
		}
	})
}
