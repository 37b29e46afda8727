// Package sign turns statements into signed envelopes. A signer is whatever
// holds a key: a key file of cosign, a key management service, or, keyless, a key
// that lives for one run and that Fulcio certifies to belong to the job.
//
// Statements are signed as DSSE over the payload type of in-toto, without a
// key id, as cosign writes and expects them. What a deployment of Sigstore then
// vouches for, the time and that it was logged, is the envelope's proof.
package sign
