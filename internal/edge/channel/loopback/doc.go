// Package loopback is the channel of the watchdog: it posts a message to this server's own address, where it is received and
// confirmed as messages of providers are. Nobody is told by it.
package loopback
