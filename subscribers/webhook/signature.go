package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// The headers of the Standard Webhooks. Go would write Webhook-Id; names are compared without regard to case.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// signatures is the value of the header webhook-signature: one signature for each secret, separated by spaces, so that a receiver that knows
// either of two secrets is content. What is signed is the id, the time in seconds since 1970 and the body, joined by dots: none of the three
// can be exchanged by who listens in.
func signatures(secrets []Secret, id string, at time.Time, body []byte) string {
	var all []byte
	for _, secret := range secrets {
		if secret.IsZero() { // anybody could have signed with nothing
			continue
		}
		if len(all) > 0 {
			all = append(all, ' ')
		}
		all = append(all, "v1,"...)
		all = base64.StdEncoding.AppendEncode(all, mac(secret, id, at, body))
	}
	return string(all)
}

func mac(secret Secret, id string, at time.Time, body []byte) []byte {
	signing := hmac.New(sha256.New, secret.key())
	signing.Write([]byte(id + "." + timestamp(at) + ".")) // a hash takes everything
	signing.Write(body)
	return signing.Sum(nil)
}

// timestamp is the value of the header webhook-timestamp.
func timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
