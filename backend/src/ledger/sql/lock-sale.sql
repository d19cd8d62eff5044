-- Keeps everything else out of the sale: settlement and endings take the row FOR SHARE.
SELECT * FROM sales WHERE sale = $1 FOR UPDATE
