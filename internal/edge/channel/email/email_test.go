package email

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// server is a mail server that says what the test wants.
type server struct {
	lis    net.Listener
	answer map[string]string // what is said to a command instead of yes
	tls    *tls.Config       // offered by STARTTLS when set
	silent bool              // says nothing at all

	mu    sync.Mutex
	mails []string
	over  bool // the last mail came over TLS
	conns []net.Conn
}

func newServer(t *testing.T, change func(*server)) *server {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{lis: lis, answer: map[string]string{}}
	if change != nil {
		change(s)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		lis.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	})
	return s
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	if s.silent {
		_, _ = bufio.NewReader(c).ReadString(0) // until the test is over
		return
	}
	secure := false
	r := bufio.NewReader(c)
	say := func(line string) { _, _ = c.Write([]byte(line + "\r\n")) }
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.Fields(line + " .")[0])
		if a := s.answer[verb]; a != "" {
			say(a)
			continue
		}
		switch verb {
		case "EHLO", "HELO":
			if s.tls != nil && !secure {
				say("250-test\r\n250 STARTTLS")
			} else {
				say("250 test")
			}
		case "STARTTLS":
			say("220 go on")
			t := tls.Server(c, s.tls)
			if t.Handshake() != nil {
				return
			}
			c, r, secure = t, bufio.NewReader(t), true
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				mail.WriteString(l)
			}
			if a := s.answer["."]; a != "" {
				say(a)
				continue
			}
			s.mu.Lock()
			s.mails, s.over = append(s.mails, mail.String()), secure
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

func (s *server) channel(tlsMode string) *Channel {
	return New(Config{Host: "127.0.0.1", Port: s.lis.Addr().(*net.TCPAddr).Port, From: "nightkeeper@example.org", TLS: tlsMode})
}

var night = page.Message{
	Notification: "ntf_1", Page: "pg_1", Person: "mira", Address: "mira@example.org", Severity: detect.SEV1, Service: "checkout",
	Title: "SEV1 checkout\r\nBcc: everybody@example.org", Text: "checkout: budget burns", AckURL: "https://nk/ack/t", PageURL: "https://nk/pages/pg_1",
	Links: detect.Links{RED: "https://nk/red"}, At: time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC),
}

func TestMailCarriesThePage(t *testing.T) {
	s := newServer(t, nil)
	receipt, err := s.channel("").Send(t.Context(), night)
	if err != nil || receipt != "accepted by 127.0.0.1" {
		t.Fatalf("%q, %v", receipt, err)
	}
	mail := s.mails[0]
	for _, want := range []string{"Subject: [SEV1] SEV1 checkout\r\n", "Message-ID: <ntf_1@nightkeeper>", "To: <mira@example.org>", "budget burns", "Acknowledge: https://nk/ack/t", "Date: Fri, 27 Nov 2026"} {
		if !strings.Contains(mail, want) {
			t.Errorf("no %q in\n%s", want, mail)
		}
	}
	if strings.Contains(mail, "Bcc") {
		t.Errorf("a title became a header:\n%s", mail)
	}
}

func TestAnswersOfTheServer(t *testing.T) {
	f := func(verb, answer string, want errs.Code) {
		t.Helper()
		s := newServer(t, func(s *server) { s.answer[verb] = answer })
		if _, err := s.channel("").Send(t.Context(), night); errs.CodeOf(err) != want {
			t.Errorf("%s is answered with %q: %v, want %q", verb, answer, err, want)
		}
	}
	f("RCPT", "550 no such mailbox", errs.Invalid)
	f("RCPT", "451 greylisted, come again", errs.Unavailable)
	f("RCPT", "452 mailbox full", errs.Unavailable)
	f("MAIL", "421 too busy", errs.Unavailable)
	f("MAIL", "553 you may not send as this", errs.Invalid)
	f("DATA", "451 try again", errs.Unavailable)
	f(".", "554 looks like spam", errs.Invalid)
	f(".", "452 no room", errs.Unavailable)
}

func TestAddressesThatCannotWorkAreNotTried(t *testing.T) {
	s := newServer(t, nil)
	for _, address := range []string{"", "mira", "mira@", "a@b, c@d", "mira@example.org\r\nBcc: x@y"} {
		m := night
		m.Address = address
		if _, err := s.channel("").Send(t.Context(), m); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
	bad := New(Config{Host: "127.0.0.1", Port: 1, From: "nobody"})
	if _, err := bad.Send(t.Context(), night); !errs.Is(err, errs.Invalid) {
		t.Errorf("a sender that is no address: %v", err)
	}
	if len(s.mails) > 0 {
		t.Errorf("%d mails were sent", len(s.mails))
	}
}

func TestServerThatIsNotThereIsTriedAgain(t *testing.T) {
	s := newServer(t, nil)
	s.lis.Close()
	if _, err := s.channel("").Send(t.Context(), night); !errs.Is(err, errs.Unavailable) {
		t.Errorf("%v", err)
	}
}

func TestServerThatSaysNothingIsLeft(t *testing.T) {
	s := newServer(t, func(s *server) { s.silent = true })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.channel("").Send(ctx, night); !errs.Is(err, errs.Unavailable) {
		t.Errorf("%v", err)
	}
}

func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLSIsDemandedOrNot(t *testing.T) {
	f := func(what, mode string, cert bool, want errs.Code) {
		t.Helper()
		s := newServer(t, func(s *server) {
			if cert {
				s.tls = certificate(t)
			}
		})
		if _, err := s.channel(mode).Send(t.Context(), night); errs.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	f("mandatory, and not offered", "mandatory", false, errs.Unavailable)
	f("mandatory, and nobody knows the certificate", "mandatory", true, errs.Unavailable)
	f("opportunistic, and not offered", "opportunistic", false, "")
	f("implicit, at a server that waits for STARTTLS", "implicit", true, errs.Unavailable)
	f("none, though offered", "none", true, "")
}

func TestTLSIsDemandedOfServersElsewhere(t *testing.T) {
	f := func(host, mode, want string) {
		t.Helper()
		if got := (Config{Host: host, TLS: mode}).Mode(); got != want {
			t.Errorf("%s %q: %s, want %s", host, mode, got, want)
		}
	}
	f("mail.example.org", "", "mandatory")
	f("10.0.0.1", "", "mandatory")
	f("localhost.example.org", "", "mandatory")
	f("localhost", "", "opportunistic")
	f("127.0.0.1", "", "opportunistic")
	f("::1", "", "opportunistic")
	f("mail.example.org", "none", "none")
	f("127.0.0.1", "mandatory", "mandatory")
	if got := (Config{Host: "h", From: "a@b", TLS: "sometimes"}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := (Config{Host: "h", From: "a"}).Check(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestTestMailHasNothingToAnswer(t *testing.T) {
	s := newServer(t, nil)
	if _, err := s.channel("").Send(t.Context(), page.Message{Address: "mira@example.org", Title: "Test message", Text: "x", Test: true, At: night.At}); err != nil {
		t.Fatal(err)
	}
	if mail := s.mails[0]; strings.Contains(mail, "Acknowledge") || !strings.Contains(mail, "Subject: Test message") {
		t.Errorf("%s", mail)
	}
}
