package webhook_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// identity is a key with its certificate, as SNS has them.
type identity struct {
	key *rsa.PrivateKey
	pem []byte
}

func newIdentity(from, to time.Time) identity {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return identity{key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// amazon signs what SNS sends; somebody else signs too.
var (
	amazon   = sync.OnceValue(func() identity { return newIdentity(t0.AddDate(-1, 0, 0), t0.AddDate(1, 0, 0)) })
	stranger = sync.OnceValue(func() identity { return newIdentity(t0.AddDate(-1, 0, 0), t0.AddDate(1, 0, 0)) })
	expired  = sync.OnceValue(func() identity { return newIdentity(t0.AddDate(-2, 0, 0), t0.AddDate(-1, 0, 0)) })
)

const (
	certURL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"
	oldURL  = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem"
)

// aws is all of the internet that is asked.
type aws struct {
	mu    sync.Mutex
	asked []string
	down  bool
}

// RoundTrip answers as SNS does.
func (a *aws) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.String())
	status, body := 404, []byte("nothing here")
	switch {
	case a.down:
		status = 503
	case r.URL.String() == certURL:
		status, body = 200, amazon().pem
	case r.URL.String() == oldURL:
		status, body = 200, expired().pem
	case r.URL.Query().Get("Action") == "ConfirmSubscription":
		status, body = 200, []byte("<ConfirmSubscriptionResponse/>")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body))), Request: r}, nil
}

// message is one of SNS, to be signed.
func message(kind, text string) map[string]string {
	return map[string]string{"Type": kind, "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms", "Subject": "ALARM", "Message": text,
		"Timestamp": "2026-11-27T03:00:00.000Z", "SignatureVersion": "2", "SigningCertURL": certURL}
}

// sign signs a message as Amazon documents it, and returns the body.
func sign(m map[string]string, with identity) string {
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if m["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	text := ""
	for _, n := range names {
		if v, ok := m[n]; ok {
			text += n + "\n" + v + "\n"
		}
	}
	var signature []byte
	var err error
	if m["SignatureVersion"] == "1" {
		sum := sha1.Sum([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, with.key, crypto.SHA1, sum[:])
	} else {
		sum := sha256.Sum256([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, with.key, crypto.SHA256, sum[:])
	}
	if err != nil {
		panic(err)
	}
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// sns is a good message of SNS.
func sns(kind, text string) string { return sign(message(kind, text), amazon()) }

func TestOnlyWhatSNSSignedIsTaken(t *testing.T) {
	w := newWorld(t)
	down := fmt.Sprintf(alarm, "ALARM")
	with := func(name, value string) map[string]string {
		m := message("Notification", down)
		m[name] = value
		return m
	}
	after := func(name, value string) string { // changed on the way
		m := message("Notification", down)
		sign(m, amazon())
		m[name] = value
		b, _ := json.Marshal(m)
		return string(b)
	}
	noSubject := message("Notification", down)
	delete(noSubject, "Subject")
	for _, c := range []struct {
		name, body string
		want       int
		says       string
	}{
		{"version 2", sns("Notification", down), 200, "Ok."},
		{"version 1", sign(with("SignatureVersion", "1"), amazon()), 200, "Ok."},
		{"without a subject", sign(noSubject, amazon()), 200, "Ok."},
		{"another version", sign(with("SignatureVersion", "3"), amazon()), 400, "it is 1 or 2"},
		{"somebody else's key", sign(message("Notification", down), stranger()), 400, "signature of the message is wrong"},
		{"another message", after("Message", fmt.Sprintf(alarm, "OK")), 400, "signature of the message is wrong"},
		{"another subject", after("Subject", "all is well"), 400, "signature of the message is wrong"},
		{"another topic", after("TopicArn", "arn:aws:sns:eu-central-1:123456789012:other"), 400, "signature of the message is wrong"},
		{"no base64", after("Signature", "!"), 400, "not base64"},
		{"no signature", after("Signature", ""), 400, "unsigned: true"},
		{"raw", down, 400, "raw message delivery"},
		{"an old certificate", sign(with("SigningCertURL", oldURL), expired()), 400, "is good from 2024-11-27 to 2025-11-27"},
		{"no certificate there", sign(with("SigningCertURL", strings.Replace(certURL, "-1.pem", "-2.pem", 1)), amazon()), 400, "SNS answered 404"},
	} {
		if status, said := w.post("/intake/cloudwatch/nk_aws", c.body); status != c.want || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, said, c.want, c.says)
		}
	}
	if as := w.firing(); len(as) != 1 {
		t.Errorf("%+v", as)
	}
	n := 0
	for _, a := range w.aws.asked {
		if a == certURL {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the certificate was fetched %d times", n)
	}
	// A certificate that cannot be had now is no refusal: SNS tries again.
	w.aws.down = true
	if status, said := w.post("/intake/cloudwatch/nk_aws", sign(with("SigningCertURL", strings.Replace(certURL, "-1.pem", "-9.pem", 1)), amazon())); status != 503 {
		t.Errorf("%d %s", status, said)
	}
	if status, said := w.post("/intake/cloudwatch/nk_aws", sns("Notification", fmt.Sprintf(alarm, "OK"))); status != 200 {
		t.Errorf("a certificate that is known: %d %s", status, said)
	}
}

func TestNobodyElseSaysWhoSignsForSNS(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{
		"http" + strings.TrimPrefix(certURL, "https"), "https://evil.example/x.pem", "https://sns.eu-central-1.amazonaws.com.evil.example/x.pem", "https://evil@sns.eu-central-1.amazonaws.com/x.pem",
		"https://sns.eu-central-1.amazonaws.com:8443/x.pem", "https://s3.eu-central-1.amazonaws.com/x.pem", "https://x.sns.eu-central-1.amazonaws.com/x.pem", "https://sns.eu-central-1.amazonaws.com/x.pem?y=1",
		"https://sns.eu-central-1.amazonaws.com/x.txt", "https://SNS.eu-central-1.amazonaws.com/x.pem", "://", "",
	} {
		m := message("Notification", fmt.Sprintf(alarm, "ALARM"))
		m["SigningCertURL"] = address
		if status, said := w.post("/intake/cloudwatch/nk_aws", sign(m, stranger())); status != 400 || !strings.Contains(said, "SigningCertURL") {
			t.Errorf("%s: %d %s", address, status, said)
		}
	}
	if len(w.aws.asked) != 0 || len(w.firing()) != 0 {
		t.Errorf("was asked for: %v", w.aws.asked)
	}
}

func TestSubscriptionIsConfirmedWhenSNSAsks(t *testing.T) {
	const good = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:123456789012:alarms&Token=t0k3n"
	w := newWorld(t)
	confirm := func(to, address string, with identity) (int, string) {
		m := message("SubscriptionConfirmation", "You have chosen to subscribe")
		delete(m, "Subject")
		m["Token"], m["SubscribeURL"] = "t0k3n", address
		return w.post("/intake/cloudwatch/"+to, sign(m, with))
	}
	for address, why := range map[string]string{
		"http" + strings.TrimPrefix(good, "https"):                        "not at sns.eu-central-1",
		strings.Replace(good, "amazonaws.com", "amazonaws.com.evil", 1):   "not at sns.eu-central-1",
		strings.Replace(good, "https://", "https://evil@", 1):             "not at sns.eu-central-1",
		strings.Replace(good, "sns.eu-central-1", "sns.us-east-1", 1):     "not at sns.eu-central-1",
		strings.Replace(good, "ConfirmSubscription", "Unsubscribe", 1):    "does not confirm",
		strings.Replace(good, "123456789012:alarms", "123456789012:x", 1): "does not confirm",
		strings.Replace(good, "t0k3n", "other", 1):                        "does not confirm",
	} {
		for _, to := range []string{"nk_aws", "nk_plain"} {
			if status, said := confirm(to, address, amazon()); status != 400 || !strings.Contains(said, why) {
				t.Errorf("%s: %d %s", address, status, said)
			}
		}
	}
	if status, said := confirm("nk_aws", good, stranger()); status != 400 || !strings.Contains(said, "signature") {
		t.Errorf("%d %s", status, said)
	}
	opened := func() (n int) {
		for _, a := range w.aws.asked {
			if strings.Contains(a, "Action=") {
				n++
			}
		}
		return n
	}
	if n := opened(); n != 0 {
		t.Fatalf("%d addresses were opened: %v", n, w.aws.asked)
	}
	if status, said := confirm("nk_aws", good, amazon()); status != 200 || opened() != 1 || w.aws.asked[len(w.aws.asked)-1] != good {
		t.Errorf("%d %s; asked %v", status, said, w.aws.asked)
	}
	w.aws.down = true
	if status, _ := confirm("nk_aws", good, amazon()); status != 503 {
		t.Errorf("%d while SNS does not answer", status)
	}
	w.aws.down = false
	// What nobody signs is not followed: a person confirms it.
	n := opened()
	if status, said := confirm("nk_plain", good, stranger()); status != 200 || opened() != n || !strings.Contains(w.log.String(), "Token=t0k3n") {
		t.Errorf("%d %s; the log says %s", status, said, w.log.String())
	}
}

func TestUnsignedSendersCanBeDeclared(t *testing.T) {
	w := newWorld(t)
	w.ok("/intake/cloudwatch/nk_plain", fmt.Sprintf(alarm, "ALARM"))
	if as := w.firing(); len(as) != 1 {
		t.Errorf("%+v", as)
	}
	m := message("Notification", fmt.Sprintf(alarm, "OK"))
	b, _ := json.Marshal(m)
	w.ok("/intake/cloudwatch/nk_plain", string(b))
	if as := w.firing(); len(as) != 0 || len(w.aws.asked) != 0 {
		t.Errorf("%+v, %v", as, w.aws.asked)
	}
}
