;;; mew.el --- Mew sends and fetches one letter; run by mew.py beside it

;; What to do comes by the environment: MEW_HOST, MEW_SMTP, MEW_POP and MEW_IMAP (ports), MEW_USER, MEW_PASSWORD, MEW_TO.
;; It is Mew's own code that does it; only the questions to the user are answered here.

(require 'mew)

(defun from-environment (name)
  (or (getenv name) (error "%s is not set" name)))

(setq mew-mail-domain "example.test"
      mew-user (from-environment "MEW_USER")
      mew-name "Mew"
      mew-rc-file "none"
      mew-theme-file nil
      mew-auto-get nil
      mew-ask-send nil
      mew-use-cached-passwd nil
      mew-use-unread-mark nil
      mew-smtp-server (from-environment "MEW_HOST")
      mew-smtp-port (from-environment "MEW_SMTP")
      mew-smtp-user (from-environment "MEW_USER")
      mew-use-smtp-auth t
      mew-smtp-auth-list '("CRAM-MD5")
      mew-pop-server (from-environment "MEW_HOST")
      mew-pop-port (from-environment "MEW_POP")
      mew-pop-user (from-environment "MEW_USER")
      mew-pop-delete nil
      mew-imap-server (from-environment "MEW_HOST")
      mew-imap-port (from-environment "MEW_IMAP")
      mew-imap-user (from-environment "MEW_USER")
      mew-imap-auth t
      mew-imap-auth-list '("CRAM-MD5")
      mew-imap-delete nil)

(defun mew-read-passwd (prompt)
  "The password from the environment."
  (from-environment "MEW_PASSWORD"))

(defun wait-for-mew (what)
  "Until no connection to a server is left. Raise an error after 20 seconds."
  (let ((end (+ (float-time) 20)))
    (accept-process-output nil 0.2)
    (while (seq-some #'process-contact (process-list))
      (when (> (float-time) end)
        (error "%s does not end" what))
      (accept-process-output nil 0.1))))

(defun fetched ()
  "How many letters are in +inbox."
  (length (directory-files (expand-file-name "inbox" mew-mail-path) nil "^[0-9]+\\(\\.mew\\)?$")))

(defun retrieve (what function)
  "Fetch all letters by FUNCTION, and say how many came."
  (let ((before (fetched)))
    (mew-summary-visit-folder "+inbox")
    (funcall function mew-case 'inc "+inbox" 'no-flush)
    (wait-for-mew what)
    (princ (format "%s: %d\n" what (- (fetched) before)))))

(defun send-letter ()
  "Write to MEW_TO, and send it."
  (mew-send (from-environment "MEW_TO") nil "Mew: 日本語の件名")
  (goto-char (point-max))
  (insert "こんにちは。\n")
  (mew-draft-make-message)
  (mew-draft-send-message)
  (mew-smtp-flush-queue mew-case)  ; Mew puts it into its queue first, and would send it with the next look for mail
  (wait-for-mew "SMTP CRAM-MD5")
  (when (directory-files (expand-file-name "queue" mew-mail-path) nil "^[0-9]")
    (error "The letter was not sent"))
  (princ "SMTP CRAM-MD5: sent\n"))

(defun empty-inbox ()
  "Forget what was fetched."
  (let ((inbox (expand-file-name "inbox" mew-mail-path)))
    (when (get-buffer "+inbox") (kill-buffer "+inbox"))
    (delete-directory inbox t)
    (make-directory inbox t)))

(mew)
(send-letter)
(empty-inbox)
(setq mew-pop-auth 'apop)
(retrieve "POP3 APOP" #'mew-pop-retrieve)
(empty-inbox)
(setq mew-pop-auth t mew-pop-auth-list '("CRAM-MD5"))
(retrieve "POP3 CRAM-MD5" #'mew-pop-retrieve)
(empty-inbox)
(mew-imap-update mew-case)  ; the names of the folders, as `C-u Z' does
(wait-for-mew "IMAP LIST")
(retrieve "IMAP CRAM-MD5" #'mew-imap-retrieve)
