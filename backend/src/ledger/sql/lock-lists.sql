-- First in every change of the lists: whoever counts them counts what is there.
SELECT version FROM lists_version FOR UPDATE
