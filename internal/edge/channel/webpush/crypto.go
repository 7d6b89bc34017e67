package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"nightkeeper/internal/kit/errs"
)

var b64 = base64.RawURLEncoding

// Key is what a server signs with. Devices know its public half.
type Key struct {
	private *ecdsa.PrivateKey
	Public  string // as browsers want it
}

// NewKey returns a fresh key as text.
func NewKey() (string, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a key for web push: %w", err)
	}
	raw, err := k.Bytes()
	if err != nil {
		return "", fmt.Errorf("make a key for web push: %w", err)
	}
	return b64.EncodeToString(raw), nil
}

// ReadKey reads a key that NewKey made.
func ReadKey(text string) (Key, error) {
	raw, err := b64.DecodeString(text)
	if err != nil {
		return Key{}, errs.New(errs.Invalid, "the key of web push cannot be read")
	}
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return Key{}, errs.New(errs.Invalid, "the key of web push cannot be read")
	}
	public, err := k.PublicKey.Bytes()
	if err != nil {
		return Key{}, errs.New(errs.Invalid, "the key of web push cannot be read")
	}
	return Key{k, b64.EncodeToString(public)}, nil
}

// authorization says to the push service of an endpoint who we are, for half a day.
func (k Key) authorization(endpoint *url.URL, subject string, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{"aud": endpoint.Scheme + "://" + endpoint.Host, "exp": now.Add(12 * time.Hour).Unix(), "sub": subject})
	if err != nil {
		return "", fmt.Errorf("sign for web push: %w", err)
	}
	body := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(body))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign for web push: %w", err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return "vapid t=" + body + "." + b64.EncodeToString(signature) + ", k=" + k.Public, nil
}

// recordSize is that of the one record that a message is.
const recordSize = 4096

// MaxPlain is how long a message may be: push services take 4096 bytes with all that is around it.
const MaxPlain = recordSize - 16 - 1 - 86

// Encrypt returns the body of a push to a device whose public key and secret are given, as RFC 8291 has it.
func Encrypt(plain []byte, deviceKey, auth string) ([]byte, error) {
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("encrypt a push: %w", err)
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("encrypt a push: %w", err)
	}
	return encrypt(plain, deviceKey, auth, ours, salt)
}

func encrypt(plain []byte, deviceKey, auth string, ours *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	bad := errs.New(errs.Invalid, "the keys of the device cannot be used; allow messages on it again")
	raw, err := b64.DecodeString(deviceKey)
	secret, err2 := b64.DecodeString(auth)
	if err != nil || err2 != nil || len(secret) != 16 {
		return nil, bad
	}
	theirs, err := ecdh.P256().NewPublicKey(raw)
	if err != nil {
		return nil, bad
	}
	if len(plain) > MaxPlain {
		return nil, errs.New(errs.Invalid, "the message is too long for a push")
	}
	shared, err := ours.ECDH(theirs)
	if err != nil {
		return nil, bad
	}
	public := ours.PublicKey().Bytes()
	aead, nonce, err := derive(shared, secret, raw, public, salt)
	if err != nil {
		return nil, fmt.Errorf("encrypt a push: %w", err)
	}
	head := append(append([]byte{}, salt...), 0, 0, 0, 0, byte(len(public)))
	binary.BigEndian.PutUint32(head[16:], recordSize)
	head = append(head, public...)
	return aead.Seal(head, nonce, append(append([]byte{}, plain...), 2), nil), nil // 2 marks the last record
}

// derive returns the cipher and the nonce that both sides come to.
func derive(shared, secret, deviceKey, serverKey, salt []byte) (cipher.AEAD, []byte, error) {
	info := "WebPush: info\x00" + string(deviceKey) + string(serverKey)
	ikm, err := hkdf.Key(sha256.New, shared, secret, info, 32)
	if err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, nonce, err
}
