// Package secret holds a text that a program sends and nobody should see: a token, a password, a webhook's address. It is
// read from a private file, from the environment or from a file of its own, and prints as "[secret]". It is not a vault:
// the text is in memory as it is.
package secret
