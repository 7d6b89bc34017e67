package webhook

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/ask"
)

// envelope is what SNS posts.
type envelope struct {
	Type         string  `json:"Type"`
	MessageID    string  `json:"MessageId"`
	TopicARN     string  `json:"TopicArn"`
	Subject      *string `json:"Subject"`
	Message      string  `json:"Message"`
	Timestamp    string  `json:"Timestamp"`
	Token        string  `json:"Token"`
	SubscribeURL string  `json:"SubscribeURL"`
	Version      string  `json:"SignatureVersion"`
	Signature    string  `json:"Signature"`
	CertURL      string  `json:"SigningCertURL"`
}

// Types of messages.
const (
	snsNotification = "Notification"
	snsSubscribe    = "SubscriptionConfirmation"
	snsUnsubscribe  = "UnsubscribeConfirmation"
)

var (
	topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)
	snsHost  = regexp.MustCompile(`^sns\.[a-z]{2}[a-z0-9-]{3,28}\.amazonaws\.com(\.cn)?$`)
)

func (e envelope) subject() string {
	if e.Subject == nil {
		return ""
	}
	return *e.Subject
}

// signed returns the text that SNS signs.
func (e envelope) signed() []byte {
	var b strings.Builder
	add := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	add("Message", e.Message)
	add("MessageId", e.MessageID)
	if e.Type == snsNotification {
		if e.Subject != nil {
			add("Subject", *e.Subject)
		}
	} else {
		add("SubscribeURL", e.SubscribeURL)
	}
	add("Timestamp", e.Timestamp)
	if e.Type != snsNotification {
		add("Token", e.Token)
	}
	add("TopicArn", e.TopicARN)
	add("Type", e.Type)
	return []byte(b.String())
}

// certAddress returns where the certificate of the signature is. Only SNS itself may say who signs for it.
func (e envelope) certAddress() (string, error) {
	u, err := url.Parse(e.CertURL)
	if err != nil || u.Scheme != "https" || u.User != nil || !snsHost.MatchString(u.Host) || u.RawQuery != "" || !strings.HasSuffix(u.Path, ".pem") {
		return "", invalid("SigningCertURL %.200q is not a certificate at https://sns.<region>.amazonaws.com", e.CertURL)
	}
	return u.String(), nil
}

// verify checks the signature with the key of a certificate.
func (e envelope) verify(cert *x509.Certificate, now time.Time) error {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return invalid("the certificate of the signature has no RSA key")
	case now.Before(cert.NotBefore) || now.After(cert.NotAfter):
		return invalid("the certificate of the signature is good from %s to %s only", cert.NotBefore.UTC().Format(time.DateOnly), cert.NotAfter.UTC().Format(time.DateOnly))
	}
	signature, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		return invalid("Signature is not base64")
	}
	switch e.Version {
	case "1":
		sum := sha1.Sum(e.signed())
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256(e.signed())
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		return invalid("SignatureVersion is %.40q; it is 1 or 2", e.Version)
	}
	if err != nil {
		return invalid("the signature of the message is wrong: it was not sent by SNS, or was changed on the way")
	}
	return nil
}

// confirms checks that opening the address does nothing but confirm the subscription of the topic in its region.
func (e envelope) confirms(region string) error {
	u, err := url.Parse(e.SubscribeURL)
	if err != nil {
		return invalid("SubscribeURL is not an address")
	}
	v := u.Query()
	switch {
	case u.Scheme != "https" || u.User != nil || (u.Host != "sns."+region+".amazonaws.com" && u.Host != "sns."+region+".amazonaws.com.cn"):
		return invalid("SubscribeURL is not at sns.%s.amazonaws.com", region)
	case v.Get("Action") != "ConfirmSubscription" || v.Get("TopicArn") != e.TopicARN || e.Token == "" || v.Get("Token") != e.Token:
		return invalid("SubscribeURL does not confirm the subscription of %s", e.TopicARN)
	}
	return nil
}

// sns knows the certificates with which SNS signs.
type sns struct {
	ask   *ask.Client
	mu    sync.Mutex
	certs map[string]*x509.Certificate
}

// Bounds of asking SNS: it waits 15 seconds for an answer of ours.
const (
	mostCerts  = 64
	snsTimeout = 5 * time.Second
)

// cert returns the certificate at an address, which is never another one: its name is in the address.
func (n *sns) cert(ctx context.Context, address string) (*x509.Certificate, error) {
	n.mu.Lock()
	known := n.certs[address]
	n.mu.Unlock()
	if known != nil {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, snsTimeout)
	defer cancel()
	r, err := n.ask.Do(ctx, ask.Request{Provider: "SNS", Method: http.MethodGet, URL: address})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(r.Body)
	if block == nil {
		return nil, invalid("there is no certificate at SigningCertURL")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, invalid("what is at SigningCertURL is not a certificate")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.certs) >= mostCerts || n.certs == nil {
		n.certs = map[string]*x509.Certificate{}
	}
	n.certs[address] = cert
	return cert, nil
}

// check believes a message of SNS or says why not, and confirms a subscription. A message of what only speaks the format of
// SNS is believed when its Integration says that it is unsigned; then a person confirms.
func (s *server) check(ctx context.Context, integration string, body []byte, now time.Time) error {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil // the format says what is wrong
	}
	m := topicARN.FindStringSubmatch(e.TopicARN)
	if e.Type != "" && m == nil {
		return nil
	}
	if i := s.Catalog().Integrations[integration]; i != nil && i.Unsigned {
		if e.Type != snsSubscribe {
			return nil
		}
		if err := e.confirms(m[1]); err != nil {
			return err
		}
		s.Log.Info("a topic of SNS wants to send its alarms: to confirm that, open the address or run aws sns confirm-subscription",
			"integration", integration, "topic", e.TopicARN, "address", e.SubscribeURL, "token", e.Token)
		return nil
	}
	if e.Type == "" || e.Signature == "" {
		return invalid("the message has no signature of SNS; turn raw message delivery of the subscription off, or declare an Integration named %q with unsigned: true when something else than SNS sends it", integration)
	}
	address, err := e.certAddress()
	if err != nil {
		return err
	}
	cert, err := s.sns.cert(ctx, address)
	if err != nil {
		return err
	}
	if err := e.verify(cert, now); err != nil || e.Type != snsSubscribe {
		return err
	}
	if err := e.confirms(m[1]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, snsTimeout)
	defer cancel()
	r, err := s.sns.ask.Do(ctx, ask.Request{Provider: "SNS", Method: http.MethodGet, URL: e.SubscribeURL})
	if err == nil {
		err = r.Err()
	}
	if err == nil {
		s.Log.Info("a topic of SNS sends its alarms from here on: its subscription is confirmed", "integration", integration, "topic", e.TopicARN)
	}
	return err
}
