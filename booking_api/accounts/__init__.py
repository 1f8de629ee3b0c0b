"""Accounts: who is charged (members, teams with cost centres, guests), and the funds that help to pay."""
